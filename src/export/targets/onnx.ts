import { hasTexts } from '../../models/registry.ts';
import { writePreprocessor } from '../preprocessor.ts';
import { defineExport } from '../target.ts';
import { writeTexts } from '../write-form.ts';
import { writeOnnxFiles } from '../write-onnx.ts';

/** Graphs that take pixels of the model's size. */
export const onnx = defineExport({
  name: 'onnx',
  lacks: () => [],
  library: 'onnx',
  pipeline: (model) => (hasTexts(model) ? 'zero-shot-image-classification' : 'image-feature-extraction'),
  async write(folder, context) {
    const { run } = context;
    await writePreprocessor(folder, run, { resizes: true });
    const texts = await writeTexts(folder, context);
    const written = await writeOnnxFiles(folder, context, { resizes: false });
    return { ...written, remarks: [...texts, ...written.remarks] };
  },
  usage: (model) => ({
    language: 'python',
    lines: [
      'import onnxruntime',
      `model = onnxruntime.InferenceSession(DIR + '/onnx/${hasTexts(model) ? 'vision_model' : 'model'}.onnx')`,
      "# pixels: float32 [B, 3, S, S], (x / 255 - mean) / std of the picture's middle (preprocessor_config.json)",
      `features = model.run(['${hasTexts(model) ? 'image_embeds' : 'pooler_output'}'], {'pixel_values': pixels})[0]`,
    ],
  }),
});

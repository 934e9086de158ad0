import { join } from 'node:path';
import { CoupletError } from '../../errors.ts';
import { type AnyModelSpec, hasTexts } from '../../models/registry.ts';
import { writePreprocessor } from '../preprocessor.ts';
import { defineExport, type ExportContext } from '../target.ts';
import { writeJson, writeTexts } from '../write-form.ts';
import { familyOf, writeOnnxFiles } from '../write-onnx.ts';

/** Graphs that take pictures of any size, and resize and crop them as the run. */
export const transformersJs = defineExport({
  name: 'transformers.js',
  lacks: () => [],
  library: 'transformers.js',
  pipeline: (model) => (hasTexts(model) ? 'zero-shot-image-classification' : 'image-feature-extraction'),
  async write(folder, context) {
    const { run } = context;
    if (!context.variants.includes('q8'))
      throw new CoupletError(
        '--variants lacks q8, which browsers without WebGPU load by default: add it, or use --to onnx.',
      );
    await writePreprocessor(folder, run, { resizes: false });
    const texts = await writeTexts(folder, context);
    const { external, ...written } = await writeOnnxFiles(folder, context, { resizes: true });
    await writeJson(join(folder, 'config.json'), configOf(context, external));
    return { ...written, remarks: [...texts, ...written.remarks] };
  },
  usage: (model) => ({
    language: 'js',
    lines: [
      "import { env, pipeline } from '@huggingface/transformers';",
      "Object.assign(env, { allowRemoteModels: false, localModelPath: '.' }); // DIR is below it",
      ...(hasTexts(model)
        ? [
            "const classify = await pipeline('zero-shot-image-classification', DIR, { dtype: 'q8' });",
            "console.log(await classify(FILE, ['a photo of a cat', 'a photo of a dog'], { hypothesis_template: '{}' }));",
          ]
        : [
            "const extract = await pipeline('image-feature-extraction', DIR, { dtype: 'q8' });",
            'console.log(await extract(FILE, { pool: true }));',
          ]),
    ],
  }),
});

/** What transformers.js reads: the family, and how many data files a graph has. */
function configOf({ model }: ExportContext, external: Record<string, number>) {
  const settings =
    Object.keys(external).length > 0
      ? { 'transformers.js_config': { use_external_data_format: external } }
      : {};
  return { ...familyConfig(model), ...settings };
}

function familyConfig(model: AnyModelSpec) {
  const { image } = model;
  if (!hasTexts(model))
    return { architectures: ['ViTModel'], model_type: 'vit', image_size: image.imageSize };
  const type = familyOf(model);
  return {
    architectures: [type === 'siglip' ? 'SiglipModel' : 'CLIPModel'],
    model_type: type,
    projection_dim: model.embedDim,
    text_config: {
      model_type: `${type}_text_model`,
      max_position_embeddings: model.text.contextLength,
      vocab_size: model.text.vocabSize,
    },
    vision_config: { model_type: `${type}_vision_model`, image_size: image.imageSize },
  };
}

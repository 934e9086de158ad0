import { join } from 'node:path';
import { hfClipForm } from '../forms/hf.ts';
import { writePreprocessor } from '../preprocessor.ts';
import { defineExport } from '../target.ts';
import { lackingOfAll, writeForm, writeJson } from '../write-form.ts';

const MODULES = [
  ['', 'sentence_transformers.base.modules.transformer.Transformer'],
  ['1_Normalize', 'sentence_transformers.base.modules.normalize.Normalize'],
] as const;

const method = (name: string) => ({ method: name, method_output_name: 'pooler_output' });

/** transformers' CLIPModel, with the list of modules that makes rows of unit length. */
export const sentenceTransformers = defineExport({
  name: 'sentence-transformers',
  lacks: (model) => lackingOfAll([hfClipForm], model),
  library: 'sentence-transformers',
  pipeline: () => 'sentence-similarity',
  async write(folder, context) {
    await writePreprocessor(folder, context.run, { resizes: true, processor: 'CLIPProcessor' });
    const modules = MODULES.map(([path, type], idx) => ({ idx, name: String(idx), path, type }));
    await writeJson(join(folder, 'modules.json'), modules);
    await writeJson(join(folder, 'sentence_bert_config.json'), {
      transformer_task: 'feature-extraction',
      modality_config: { text: method('get_text_features'), image: method('get_image_features') },
      module_output_name: 'sentence_embedding',
    });
    await writeJson(join(folder, 'config_sentence_transformers.json'), {
      model_type: 'SentenceTransformer',
      similarity_fn_name: 'cosine',
    });
    return writeForm(folder, hfClipForm, context);
  },
  usage: () => ({
    language: 'python',
    lines: [
      'from PIL import Image',
      'from sentence_transformers import SentenceTransformer',
      'model = SentenceTransformer(DIR)',
      "image, text = model.encode([Image.open(FILE)]), model.encode(['a photo of a cat'])",
      'print(model.similarity(image, text))',
    ],
  }),
});

import { type AnyModelSpec, hasTexts } from '../../models/registry.ts';
import { hfClipForm, hfDinov2Form, hfSiglipForm, hfVitForm } from '../forms/hf.ts';
import { writePreprocessor } from '../preprocessor.ts';
import { defineExport } from '../target.ts';
import { formFor, lackingOfAll, writeForm } from '../write-form.ts';

const FORMS = [hfClipForm, hfSiglipForm, hfVitForm, hfDinov2Form];

const PAIR = [
  'import torch',
  'from PIL import Image',
  'from transformers import AutoModel, AutoProcessor',
  'model, processor = AutoModel.from_pretrained(DIR), AutoProcessor.from_pretrained(DIR)',
  "inputs = processor(text=['a photo of a cat'], images=Image.open(FILE), return_tensors='pt', padding='max_length')",
  'logits = model(**inputs).logits_per_image',
];
const ALONE = (extra: string) => [
  'from PIL import Image',
  'from transformers import AutoImageProcessor, AutoModel',
  `model, processor = AutoModel.from_pretrained(DIR${extra}), AutoImageProcessor.from_pretrained(DIR)`,
  "inputs = processor(Image.open(FILE).convert('RGB'), return_tensors='pt')",
  'features = model(**inputs).last_hidden_state[:, 0]',
];

export const transformers = defineExport({
  name: 'transformers',
  lacks: (model) => lackingOfAll(FORMS, model),
  library: 'transformers',
  pipeline: (model) => (hasTexts(model) ? 'zero-shot-image-classification' : 'image-feature-extraction'),
  async write(folder, context) {
    const form = formFor(FORMS, context.model)!;
    const processor = hasTexts(context.model) ? { processor: 'CLIPProcessor' } : {};
    await writePreprocessor(folder, context.run, { resizes: true, ...processor });
    return writeForm(folder, form, context);
  },
  usage: (model) => ({
    language: 'python',
    lines: hasTexts(model) ? PAIR : ALONE(isPlain(model) ? ', add_pooling_layer=False' : ''),
  }),
});

/** ViTModel, which has a pooler with weights of its own unless told. */
const isPlain = (model: AnyModelSpec) => formFor(FORMS, model) === hfVitForm;

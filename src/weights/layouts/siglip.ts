import { type AnyModelSpec, hasTexts } from '../../models/registry.ts';
import { type Correspondence, same, transposed } from '../correspondence.ts';
import { defineLayout } from '../layout.ts';
import { padIdOf } from '../pad-id.ts';
import { HF_TEXT, HF_VISION, hfTextSpec, hfVisionSpec } from './hf-clip.ts';
import { numberOf, partOf, sizeOf } from './reading.ts';
import { textTable, vitTable } from './tables.ts';

const SIGLIP = { hasClassToken: false, activation: 'gelu_pytorch_tanh', normEps: 1e-6 };

/** transformers' SiglipModel. */
export const hfSiglip = defineLayout({
  title: "transformers' SiglipModel",
  prefixes: [''],
  marks: ['vision_model.head.probe', 'text_model.head.weight', HF_TEXT.tokens],
  model(files): AnyModelSpec {
    const text = partOf(files.config, 'text_config');
    const embedDim = sizeOf(files, 'text_model.head.weight', 0);
    return {
      embedDim,
      image: {
        ...hfVisionSpec(files, partOf(files.config, 'vision_config'), SIGLIP),
        pool: 'attention',
        classToken: false,
        preNorm: false,
        patchBias: true,
        projection: false,
      },
      text: {
        ...hfTextSpec(files, text, SIGLIP),
        causal: false,
        pool: 'last',
        projectionBias: true,
        padId: padIdOf(files, text.pad_token_id === 0 ? 0 : numberOf(files, text, 'pad_token_id', 1)),
      },
    };
  },
  table(model, ours): Correspondence[] {
    const { image } = model;
    if (image.type === 'resnet') return [];
    return [
      ...vitTable(image, ours, HF_VISION),
      ...(hasTexts(model)
        ? [
            ...textTable(model.text, HF_TEXT),
            transposed('text_projection', 'text_model.head.weight', [model.text.width, model.embedDim]),
            same('text_projection_bias', 'text_model.head.bias', [model.embedDim]),
            same('logit_scale', 'logit_scale', [], [1]),
            { ...same('logit_bias', 'logit_bias', [], [1]), optional: true },
          ]
        : []),
    ];
  },
  leftOut: [{ names: /\.position_ids$/, what: 'indices of positions' }],
});

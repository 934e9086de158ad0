import { type AnyModelSpec, hasTexts } from '../../models/registry.ts';
import type { TextSpec } from '../../models/text.ts';
import { OPEN_CLIP_VIT, styleFields } from '../../models/vit.ts';
import { OPEN_CLIP_BLOCK } from '../../nn/block.ts';
import { type Correspondence, same } from '../correspondence.ts';
import type { Json, WeightFiles } from '../files.ts';
import { defineLayout } from '../layout.ts';
import { activationOf, agree, countBlocks, headsOf, partOf, refuse, sideOf, sizeOf } from './reading.ts';
import { resnetSpec, resnetTable } from './resnet.ts';
import { type FileText, type FileVit, type OurVit, textTable, timmPool, vitTable } from './tables.ts';

export const OPEN_CLIP_FILE_BLOCK = { ...OPEN_CLIP_BLOCK, qkv: [OPEN_CLIP_BLOCK.qkv] };

const { names } = OPEN_CLIP_VIT;
const VISUAL: FileVit = {
  classToken: `visual.${names.classToken}`,
  positions: `visual.${names.positions}`,
  patches: 'visual.conv1.',
  preNorm: `visual.${names.preNorm}`,
  blocks: `visual.${names.blocks}`,
  norm: `visual.${names.norm}`,
  registers: `visual.${names.registers}`,
  block: OPEN_CLIP_FILE_BLOCK,
  leading: { classToken: 0, positions: 0, registers: 0 },
  pool: timmPool(`visual.${names.pool}`),
};

/** @param prefix '' in a CLIP, `text.` in open_clip's custom text models */
export const openClipText = (prefix: string): FileText => ({
  tokens: `${prefix}token_embedding.weight`,
  positions: `${prefix}positional_embedding`,
  blocks: `${prefix}transformer.resblocks.`,
  norm: `${prefix}ln_final.`,
  block: OPEN_CLIP_FILE_BLOCK,
});

export function openClipTextSpec(files: WeightFiles, prefix: string, said: Json): TextSpec {
  const names = openClipText(prefix);
  const width = sizeOf(files, names.tokens, 1);
  const hidden = sizeOf(files, `${names.blocks}0.mlp.c_fc.weight`, 0);
  const sizes = {
    contextLength: sizeOf(files, names.positions, 0),
    vocabSize: sizeOf(files, names.tokens, 0),
    width,
    layers: countBlocks(files, names.blocks),
  };
  agree(files, said, {
    context_length: sizes.contextLength,
    vocab_size: sizes.vocabSize,
    width,
    layers: sizes.layers,
  });
  return {
    ...sizes,
    heads: headsOf(files, said.heads, width),
    ...(hidden !== 4 * width && { mlpRatio: hidden / width }),
  };
}

function vitSpec(files: WeightFiles, said: Json) {
  const width = sizeOf(files, 'visual.conv1.weight', 0);
  const patchSize = sizeOf(files, 'visual.conv1.weight', 2);
  const side = sideOf(files, sizeOf(files, 'visual.positional_embedding', 0) - 1);
  const hidden = sizeOf(files, `${VISUAL.blocks}0.mlp.c_fc.weight`, 0);
  const layers = countBlocks(files, VISUAL.blocks);
  agree(files, said, { width, layers, patch_size: patchSize, image_size: side * patchSize });
  if (files.tensors.has('visual.ln_pre.weight') === false)
    refuse(files, 'it has no visual.ln_pre: this variant of the image tower is not known.');
  const pool = said.pool_type === 'avg' ? ('mean' as const) : ('class' as const);
  const headWidth = typeof said.head_width === 'number' ? said.head_width : 64;
  return {
    imageSize: side * patchSize,
    patchSize,
    width,
    layers,
    heads: headsOf(files, width / headWidth, width),
    mlpRatio: hidden / width,
    pool,
    positionEmbedding: 'learned' as const,
    ...styleFields(OPEN_CLIP_VIT),
    patchBias: files.tensors.has('visual.conv1.bias'),
  };
}

/** By the names of mlfoundations/open_clip and of OpenAI's CLIP. */
export const openClip = defineLayout({
  title: "open_clip's CLIP",
  prefixes: ['', 'module.', 'model.'],
  marks: ['text_projection', 'token_embedding.weight', 'visual.conv1.weight'],
  model(files): AnyModelSpec {
    const config = partOf(files.config, 'model_cfg');
    const embedDim = sizeOf(files, 'text_projection', 1);
    agree(files, config, { embed_dim: embedDim });
    // OpenAI's weights and models named -quickgelu; the tensors do not tell.
    const activation = activationOf(files, config.quick_gelu === true ? 'quick_gelu' : 'gelu', 'gelu');
    const image = files.tensors.has('visual.layer1.0.conv1.weight')
      ? resnetSpec(files)
      : { ...vitSpec(files, partOf(config, 'vision_cfg')), ...activation };
    return {
      embedDim,
      image,
      text: { ...openClipTextSpec(files, '', partOf(config, 'text_cfg')), ...activation },
    };
  },
  table(model, ours: OurVit): Correspondence[] {
    const { image } = model;
    const projected = hasTexts(model) ? model.embedDim : undefined;
    return [
      ...(image.type === 'resnet'
        ? resnetTable(image, { embedDim: projected! })
        : [
            ...vitTable(image, ours, VISUAL),
            ...(projected === undefined || image.projection === false
              ? []
              : [same(`${ours.prefix}proj`, 'visual.proj', [image.width, projected])]),
          ]),
      ...(hasTexts(model)
        ? [
            ...textTable(model.text, openClipText('')),
            same('text_projection', 'text_projection', [model.text.width, model.embedDim]),
            ...(model.text.projectionBias
              ? [same('text_projection_bias', 'text_projection_bias', [model.embedDim])]
              : []),
            same('logit_scale', 'logit_scale', []),
            { ...same('logit_bias', 'logit_bias', []), optional: true },
          ]
        : []),
    ];
  },
  leftOut: [
    { names: /^attn_mask$/, what: 'a mask' },
    { names: /^(input_resolution|context_length|vocab_size)$/, what: 'sizes' },
  ],
});

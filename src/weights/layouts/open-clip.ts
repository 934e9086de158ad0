import { type AnyModelSpec, hasTexts } from '../../models/registry.ts';
import type { TextSpec } from '../../models/text.ts';
import { OPEN_CLIP_VIT, styleFields } from '../../models/vit.ts';
import { OPEN_CLIP_BLOCK } from '../../nn/block.ts';
import type { GeluMlpSpec } from '../../nn/heads.ts';
import { type Correspondence, pair, same } from '../correspondence.ts';
import type { Json, WeightFiles } from '../files.ts';
import { defineLayout } from '../layout.ts';
import { padIdOf } from '../pad-id.ts';
import {
  activationOf,
  agree,
  countBlocks,
  headsOf,
  numberOf,
  partOf,
  refuse,
  sideOf,
  sizeOf,
} from './reading.ts';
import { resnetSpec, resnetTable } from './resnet.ts';
import { type FileText, type FileVit, type OurVit, textTable, timmPool, vitTable } from './tables.ts';

const OPEN_CLIP_FILE_BLOCK = { ...OPEN_CLIP_BLOCK, qkv: [OPEN_CLIP_BLOCK.qkv] };

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

export function openClipTextSpec(files: WeightFiles, prefix: string, said: Json, quick: boolean): TextSpec {
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
  const { pool_type: pool = 'argmax', eos_id: end } = said;
  const readsEnd = pool === 'argmax' || (pool === 'eos' && end === sizes.vocabSize - 1);
  if (!readsEnd && pool !== 'last')
    refuse(files, `its config says text_cfg.pool_type ${JSON.stringify(pool)}; Couplet has argmax and last.`);
  return {
    ...sizes,
    heads: headsOf(files, said.heads, width),
    ...(hidden !== 4 * width && { mlpRatio: hidden / width }),
    ...activationIn(files, said, quick),
    ...normEpsIn(files, said),
    ...(said.no_causal_mask === true && { causal: false }),
    ...(files.tensors.has(`${prefix}text_projection.bias`) && { projectionBias: true }),
    ...(pool === 'last' && { pool, padId: padIdOf(files, 1) }),
  };
}

/** GELU, its tanh form, or QuickGELU, which a model has in both towers. */
function activationIn(files: WeightFiles, said: Json, quick: boolean) {
  const form = partOf(said, 'act_kwargs').approximate === 'tanh' ? 'gelu_tanh' : 'gelu';
  return activationOf(files, quick ? 'quick_gelu' : form, 'gelu');
}

const normEpsIn = (files: WeightFiles, said: Json) => {
  const eps = numberOf(files, partOf(said, 'norm_kwargs'), 'eps', 1e-5);
  return eps === 1e-5 ? {} : { normEps: eps };
};

function vitSpec(files: WeightFiles, said: Json, quick: boolean) {
  const width = sizeOf(files, 'visual.conv1.weight', 0);
  const patchSize = sizeOf(files, 'visual.conv1.weight', 2);
  const side = sideOf(files, sizeOf(files, 'visual.positional_embedding', 0) - 1);
  const hidden = sizeOf(files, `${VISUAL.blocks}0.mlp.c_fc.weight`, 0);
  const layers = countBlocks(files, VISUAL.blocks);
  agree(files, said, { width, layers, patch_size: patchSize, image_size: side * patchSize });
  const { pool_type: pool = 'tok', head_width: headWidth, final_ln_after_pool: endsInNorm } = said;
  if (pool !== 'tok' && (pool !== 'avg' || endsInNorm === true))
    refuse(
      files,
      `its config says vision_cfg.pool_type ${JSON.stringify(pool)}${endsInNorm === true ? ' with final_ln_after_pool' : ''}; Couplet has tok, and avg after the norm.`,
    );
  return {
    imageSize: side * patchSize,
    patchSize,
    width,
    layers,
    heads: headsOf(files, typeof headWidth === 'number' ? width / headWidth : files.heads, width),
    mlpRatio: hidden / width,
    pool: pool === 'avg' ? ('mean' as const) : ('class' as const),
    positionEmbedding: 'learned' as const,
    ...styleFields(OPEN_CLIP_VIT),
    preNorm: files.tensors.has('visual.ln_pre.weight'),
    patchBias: files.tensors.has('visual.conv1.bias'),
    ...activationIn(files, said, quick),
    ...normEpsIn(files, said),
    ...(files.tensors.has(`${VISUAL.blocks}0.${OPEN_CLIP_BLOCK.scale1}`) && { layerScale: true }),
  };
}

/** Couplet's own, behind a tower. Linear layers lie at even places of the sequence. */
function headTable(prefix: string, head: GeluMlpSpec | undefined, width: number): Correspondence[] {
  const widths = head ? [width, ...Array<number>(head.layers - 1).fill(head.hidden), width] : [];
  return widths
    .slice(1)
    .flatMap((out, k) => pair(`${prefix}${2 * k}.`, `${prefix}${2 * k}.`, [out, widths[k]!]));
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
    // Of these activations the tensors tell nothing, but OpenAI's files have sizes that open_clip's have not.
    const quick = config.quick_gelu === true || (!files.config && files.tensors.has('input_resolution'));
    const vision = partOf(config, 'vision_cfg');
    const image = files.tensors.has('visual.layer1.0.conv1.weight')
      ? resnetSpec(files, vision)
      : vitSpec(files, vision, quick);
    return { embedDim, image, text: openClipTextSpec(files, '', partOf(config, 'text_cfg'), quick) };
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
            ...headTable('visual.head.', image.head, model.embedDim),
            ...headTable('text_head.', model.text.head, model.embedDim),
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

import { type AnyModelSpec, hasTexts } from '../../models/registry.ts';
import type { TextSpec } from '../../models/text.ts';
import { OPEN_CLIP_VIT, styleFields, type VitSpec } from '../../models/vit.ts';
import { type Correspondence, pair, same, transposed } from '../correspondence.ts';
import type { Json, WeightFiles } from '../files.ts';
import { defineLayout } from '../layout.ts';
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
import { type FileBlock, type FileText, type FileVit, textTable, vitTable } from './tables.ts';

const projections = (prefix: string) => ['q', 'k', 'v'].map((name) => `${prefix}${name}_proj.`);

/** Blocks of transformers' CLIP and SigLIP. */
const HF_CLIP_BLOCK: FileBlock = {
  norm1: 'layer_norm1.',
  qkv: projections('self_attn.'),
  attentionOut: 'self_attn.out_proj.',
  norm2: 'layer_norm2.',
  mlpIn: 'mlp.fc1.',
  mlpOut: 'mlp.fc2.',
  scale1: '',
  scale2: '',
};

export const HF_TEXT: FileText = {
  tokens: 'text_model.embeddings.token_embedding.weight',
  positions: 'text_model.embeddings.position_embedding.weight',
  blocks: 'text_model.encoder.layers.',
  norm: 'text_model.final_layer_norm.',
  block: HF_CLIP_BLOCK,
};

export const HF_VISION: FileVit = {
  classToken: 'vision_model.embeddings.class_embedding',
  positions: 'vision_model.embeddings.position_embedding.weight',
  patches: 'vision_model.embeddings.patch_embedding.',
  preNorm: 'vision_model.pre_layrnorm.', // sic
  blocks: 'vision_model.encoder.layers.',
  norm: 'vision_model.post_layernorm.',
  registers: '',
  block: HF_CLIP_BLOCK,
  leading: { classToken: 0, positions: 0, registers: 0 },
  pool: hfPool,
};

/** torch's MultiheadAttention has queries, keys and values in one; Couplet has the query apart. */
function hfPool(ours: string, { width, mlpRatio }: VitSpec): Correspondence[] {
  const head = 'vision_model.head.';
  const hidden = Math.round(width * mlpRatio);
  const joined = (kind: 'weight' | 'bias', shape: (rows: number) => number[]): Correspondence => ({
    ours: [
      { name: `${ours}q.${kind}`, shape: shape(width) },
      { name: `${ours}kv.${kind}`, shape: shape(2 * width) },
    ],
    theirs: [{ name: `${head}attention.in_proj_${kind}`, shape: shape(3 * width) }],
  });
  return [
    same(`${ours}latent`, `${head}probe`, [1, 1, width]),
    joined('weight', (rows) => [rows, width]),
    joined('bias', (rows) => [rows]),
    ...pair(`${ours}proj.`, `${head}attention.out_proj.`, [width, width]),
    ...pair(`${ours}norm.`, `${head}layernorm.`, [width]),
    ...pair(`${ours}mlp.fc1.`, `${head}mlp.fc1.`, [hidden, width]),
    ...pair(`${ours}mlp.fc2.`, `${head}mlp.fc2.`, [width, hidden]),
  ];
}

interface Family {
  hasClassToken: boolean;
  /** What the family's config means where it is silent. */
  activation: string;
  normEps: number;
}

/** Image tower of CLIP or SigLIP, without what only one of them has. */
export function hfVisionSpec(files: WeightFiles, said: Json, family: Family) {
  const width = sizeOf(files, `${HF_VISION.patches}weight`, 0);
  const patchSize = sizeOf(files, `${HF_VISION.patches}weight`, 2);
  const rows = sizeOf(files, HF_VISION.positions, 0);
  const imageSize = patchSize * sideOf(files, rows - (family.hasClassToken ? 1 : 0));
  const layers = countBlocks(files, HF_VISION.blocks);
  const hidden = sizeOf(files, `${HF_VISION.blocks}0.mlp.fc1.weight`, 0);
  agree(files, said, {
    hidden_size: width,
    num_hidden_layers: layers,
    patch_size: patchSize,
    image_size: imageSize,
    intermediate_size: hidden,
  });
  return {
    imageSize,
    patchSize,
    width,
    layers,
    heads: headsOf(files, said.num_attention_heads ?? files.heads, width),
    mlpRatio: hidden / width,
    positionEmbedding: 'learned' as const,
    ...activationOf(files, said.hidden_act, family.activation as 'gelu'),
    ...epsOf(files, said, { ...family, ours: 1e-5 }),
  };
}

export function hfTextSpec(files: WeightFiles, said: Json, family: Family): TextSpec {
  const width = sizeOf(files, HF_TEXT.tokens, 1);
  const hidden = sizeOf(files, `${HF_TEXT.blocks}0.mlp.fc1.weight`, 0);
  const sizes = {
    contextLength: sizeOf(files, HF_TEXT.positions, 0),
    vocabSize: sizeOf(files, HF_TEXT.tokens, 0),
    layers: countBlocks(files, HF_TEXT.blocks),
    width,
  };
  agree(files, said, {
    hidden_size: width,
    num_hidden_layers: sizes.layers,
    max_position_embeddings: sizes.contextLength,
    vocab_size: sizes.vocabSize,
    intermediate_size: hidden,
  });
  return {
    ...sizes,
    heads: headsOf(files, said.num_attention_heads, width),
    ...(hidden !== 4 * width && { mlpRatio: hidden / width }),
    ...activationOf(files, said.hidden_act, family.activation as 'gelu'),
    ...epsOf(files, said, { ...family, ours: 1e-5 }),
  };
}

/** `normEps` where it is not Couplet's default. */
export function epsOf(
  files: WeightFiles,
  said: Json,
  { normEps, ours }: { normEps: number; ours: number },
): { normEps?: number } {
  const eps = numberOf(files, said, 'layer_norm_eps', normEps);
  return eps === ours ? {} : { normEps: eps };
}

const CLIP: Family = { hasClassToken: true, activation: 'quick_gelu', normEps: 1e-5 };

/** transformers' CLIPModel. */
export const hfClip = defineLayout({
  title: "transformers' CLIPModel",
  prefixes: [''],
  marks: ['visual_projection.weight', 'text_projection.weight', HF_VISION.classToken],
  model(files): AnyModelSpec {
    const { config } = files;
    if (!config)
      refuse(
        files,
        'there is no config.json beside it, which says the activation (OpenAI has quick_gelu, open_clip gelu). Put it there.',
      );
    const vision = partOf(config, 'vision_config');
    const embedDim = sizeOf(files, 'visual_projection.weight', 0);
    agree(files, config, { projection_dim: embedDim });
    const image = {
      ...styleFields(OPEN_CLIP_VIT),
      ...hfVisionSpec(files, vision, CLIP),
      pool: 'class' as const,
      patchBias: files.tensors.has(`${HF_VISION.patches}bias`),
    };
    return {
      embedDim,
      image,
      text: hfTextSpec(files, partOf(config, 'text_config'), CLIP),
    };
  },
  table(model, ours) {
    const { image } = model;
    if (image.type === 'resnet') return [];
    return [
      ...vitTable(image, ours, HF_VISION),
      ...(hasTexts(model)
        ? [
            transposed(`${ours.prefix}proj`, 'visual_projection.weight', [image.width, model.embedDim]),
            ...textTable(model.text, HF_TEXT),
            transposed('text_projection', 'text_projection.weight', [model.text.width, model.embedDim]),
            same('logit_scale', 'logit_scale', []),
          ]
        : []),
    ];
  },
  leftOut: [{ names: /\.position_ids$/, what: 'indices of positions' }],
});

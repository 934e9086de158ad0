import { CoupletError } from '../../errors.ts';
import type { AnyModelSpec } from '../../models/registry.ts';
import type { VitSpec } from '../../models/vit.ts';
import type { WeightFiles } from '../files.ts';
import { defineLayout, type LayoutDefinition } from '../layout.ts';
import { epsOf } from './hf-clip.ts';
import { activationOf, agree, countBlocks, headsOf, refuse, sideOf, sizeOf } from './reading.ts';
import { type FileBlock, type FileVit, vitTable } from './tables.ts';

const legacy = ['query', 'key', 'value'].map((name) => `attention.attention.${name}.`);
const present = ['q', 'k', 'v'].map((name) => `attention.${name}_proj.`);

/** transformers 4, and what transformers 5 saves. */
const VIT_BLOCK: FileBlock = {
  norm1: 'layernorm_before.',
  qkv: legacy,
  attentionOut: 'attention.output.dense.',
  norm2: 'layernorm_after.',
  mlpIn: 'intermediate.dense.',
  mlpOut: 'output.dense.',
  scale1: '',
  scale2: '',
};

/** Of a state dict of transformers 5 in memory. */
const VIT_5_BLOCK: FileBlock = {
  ...VIT_BLOCK,
  qkv: present,
  attentionOut: 'attention.o_proj.',
  mlpIn: 'mlp.fc1.',
  mlpOut: 'mlp.fc2.',
};

const DINOV2_BLOCK: FileBlock = {
  norm1: 'norm1.',
  qkv: legacy,
  attentionOut: 'attention.output.dense.',
  norm2: 'norm2.',
  mlpIn: 'mlp.fc1.',
  mlpOut: 'mlp.fc2.',
  scale1: 'layer_scale1.lambda1',
  scale2: 'layer_scale2.lambda1',
};
const DINOV2_5_BLOCK: FileBlock = { ...DINOV2_BLOCK, qkv: present, attentionOut: 'attention.o_proj.' };

const fileVit = (blocks: string, block: FileBlock): FileVit => ({
  classToken: 'embeddings.cls_token',
  positions: 'embeddings.position_embeddings',
  patches: 'embeddings.patch_embeddings.projection.',
  preNorm: '',
  blocks,
  norm: 'layernorm.',
  registers: 'embeddings.register_tokens',
  block,
  leading: { classToken: 2, positions: 1, registers: 1 },
  pool: () => [],
});

function specOf(files: WeightFiles, file: FileVit, normEps: number): VitSpec {
  const said = files.config ?? {};
  const width = sizeOf(files, `${file.patches}weight`, 0);
  const patchSize = sizeOf(files, `${file.patches}weight`, 2);
  const imageSize = patchSize * sideOf(files, sizeOf(files, file.positions, 1) - 1);
  const layers = countBlocks(files, file.blocks);
  const isGated = files.tensors.has(`${file.blocks}0.mlp.weights_in.weight`);
  if (isGated || said.use_swiglu_ffn === true)
    refuse(files, 'its blocks have gated MLPs (SwiGLU), which Couplet has not.');
  const hidden = sizeOf(files, `${file.blocks}0.${file.block.mlpIn}weight`, 0);
  agree(files, said, {
    hidden_size: width,
    num_hidden_layers: layers,
    patch_size: patchSize,
    image_size: imageSize,
  });
  const registers = files.tensors.has(file.registers) ? sizeOf(files, file.registers, 1) : 0;
  return {
    imageSize,
    patchSize,
    width,
    layers,
    heads: headsOf(files, said.num_attention_heads ?? files.heads, width),
    mlpRatio: hidden / width,
    pool: 'class',
    positionEmbedding: 'learned',
    preNorm: false,
    patchBias: true,
    ...epsOf(files, said, { normEps, ours: Number.NaN }),
    ...activationOf(files, said.hidden_act, 'gelu'),
    ...(registers > 0 && { registers }),
    ...(files.tensors.has(`${file.blocks}0.${file.block.scale1}`) && { layerScale: true }),
  };
}

const LEFT_OUT: LayoutDefinition['leftOut'] = [
  { names: /^(pooler|classifier)\./, what: 'a classifier or its pooler' },
  { names: /^decoder\./, what: 'a decoder of masked patches' },
  { names: /^(embeddings\.mask_token|.*\.position_ids)$/, what: 'a token of masked patches' },
];

interface Variant {
  title: string;
  prefixes: readonly string[];
  blocks: string;
  block: FileBlock;
  /** What the family's config means where it is silent. */
  normEps: number;
}

const define = ({ title, prefixes, blocks, block, normEps }: Variant) => {
  const file = fileVit(blocks, block);
  return defineLayout({
    title,
    prefixes,
    marks: [
      file.classToken,
      `${file.patches}weight`,
      `${blocks}0.${block.norm1}weight`,
      `${blocks}0.${block.qkv[0]}weight`,
    ],
    model: (files): AnyModelSpec => ({ image: specOf(files, file, normEps) }),
    table({ image }, ours) {
      if (image.type === 'resnet') throw new CoupletError('a ResNet has no names of a ViT');
      return vitTable(image, ours, file);
    },
    leftOut: LEFT_OUT,
  });
};

const VIT = { title: "transformers' ViTModel", prefixes: ['', 'vit.'], normEps: 1e-12 };
const DINOV2 = { title: "transformers' Dinov2Model", normEps: 1e-6 };

export const hfVit = define({ ...VIT, blocks: 'encoder.layer.', block: VIT_BLOCK });
export const hfVit5 = define({ ...VIT, blocks: 'layers.', block: VIT_5_BLOCK });
const dinov2Prefixes = ['', 'dinov2.', 'dinov2_with_registers.', 'backbone.'];
export const hfDinov2 = define({
  ...DINOV2,
  prefixes: dinov2Prefixes,
  blocks: 'encoder.layer.',
  block: DINOV2_BLOCK,
});
export const hfDinov25 = define({
  ...DINOV2,
  prefixes: dinov2Prefixes,
  blocks: 'encoder.layer.',
  block: DINOV2_5_BLOCK,
});

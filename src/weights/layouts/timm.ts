import { CoupletError } from '../../errors.ts';
import { type AnyModelSpec, hasTexts } from '../../models/registry.ts';
import { TIMM_VIT, type VitSpec } from '../../models/vit.ts';
import { TIMM_BLOCK } from '../../nn/block.ts';
import { same, transposed } from '../correspondence.ts';
import type { Json, WeightFiles } from '../files.ts';
import { defineLayout } from '../layout.ts';
import { openClipText, openClipTextSpec } from './open-clip.ts';
import { activationOf, agree, countBlocks, headsOf, partOf, refuse, sideOf, sizeOf } from './reading.ts';
import { type FileVit, textTable, timmPool, vitTable } from './tables.ts';

const { names } = TIMM_VIT;

const fileVit = (prefix: string, hasClassPosition: boolean): FileVit => ({
  classToken: `${prefix}${names.classToken}`,
  positions: `${prefix}${names.positions}`,
  patches: `${prefix}patch_embed.proj.`,
  preNorm: `${prefix}${names.preNorm}`,
  blocks: `${prefix}${names.blocks}`,
  norm: `${prefix}${names.norm}`,
  registers: `${prefix}${names.registers}`,
  block: { ...TIMM_BLOCK, qkv: [TIMM_BLOCK.qkv] },
  leading: { classToken: 2, positions: 1, registers: 1 },
  hasClassPosition,
  pool: timmPool(`${prefix}${names.pool}`),
});

/** timm's models with registers have none. */
const hasClassPosition = ({ registers = 0 }: VitSpec) => registers === 0;

/** What timm's models of this name have, where no argument says otherwise. */
function activationBy(architecture: unknown): string {
  const name = String(architecture);
  if (name.includes('quickgelu')) return 'quick_gelu';
  return TANH.test(name) ? 'gelu_tanh' : 'gelu';
}

/** SigLIP 2's sizes; SigLIP's own have GELU in timm. */
const TANH =
  /^vit_((base_patch32|so400m_patch16|giantopt_patch16)_siglip(_gap)?_\d+|large_patch16_siglip(_gap)?_512)/;

const isSquare = (count: number) => Number.isInteger(Math.sqrt(count));

function timmSpec(files: WeightFiles, prefix: string): VitSpec {
  const { tensors } = files;
  const has = (name: string) => tensors.has(prefix + name);
  const config: Json = files.config ?? {};
  const args = partOf(config, 'model_args');
  const width = sizeOf(files, `${prefix}patch_embed.proj.weight`, 0);
  const patchSize = sizeOf(files, `${prefix}patch_embed.proj.weight`, 2);
  const classToken = has('cls_token');
  const registers = has('reg_token') ? sizeOf(files, `${prefix}reg_token`, 1) : 0;
  const rows = sizeOf(files, `${prefix}pos_embed`, 1);
  const cells = classToken && registers === 0 ? rows - 1 : rows;
  if (classToken && !isSquare(cells))
    refuse(
      files,
      `its ${rows} positions are not those of a square grid and ${registers || 'one'} other tokens.`,
    );
  if (has('fc_norm.weight'))
    refuse(
      files,
      'it has its norm after the pooling (fc_norm), which Couplet has not. Take weights from before fine-tuning.',
    );
  if (has('blocks.0.mlp.w12.weight') || has('blocks.0.mlp.fc1_g.weight'))
    refuse(files, 'its blocks have gated MLPs (SwiGLU), which Couplet has not.');
  const hidden = sizeOf(files, `${prefix}blocks.0.mlp.fc1.weight`, 0);
  const layers = countBlocks(files, `${prefix}blocks.`);
  agree(files, args, { embed_dim: width, depth: layers, patch_size: patchSize });
  const preNorm = has('norm_pre.weight');
  const poolName = args.global_pool ?? config.global_pool;
  if (!['token', 'avg', 'map', '', undefined].includes(poolName as string | undefined))
    refuse(files, `its config says global_pool ${JSON.stringify(poolName)}, which Couplet has not.`);
  const pool = has('attn_pool.latent')
    ? ('attention' as const)
    : poolName === 'avg' || !classToken
      ? ('mean' as const)
      : ('class' as const);
  return {
    imageSize: patchSize * sideOf(files, cells),
    patchSize,
    width,
    layers,
    heads: headsOf(files, args.num_heads ?? files.heads, width),
    mlpRatio: hidden / width,
    pool,
    positionEmbedding: 'learned',
    preNorm,
    patchBias: has('patch_embed.proj.bias'),
    normEps: preNorm ? 1e-5 : 1e-6,
    ...activationOf(files, args.act_layer ?? activationBy(config.architecture), 'gelu'),
    ...(!classToken && { classToken: false }),
    ...(registers > 0 && { registers }),
    ...(has('blocks.0.ls1.gamma') && { layerScale: true }),
  };
}

const LEFT_OUT = [
  { names: /^(head|fc|head_dist)\./, what: 'a classifier' },
  { names: /^(decoder_|mask_token$)/, what: 'a decoder of masked patches' },
  { names: /^(module\.)?(momentum_encoder|predictor|projector)\./, what: 'other nets of the method' },
  { names: /^(student|teacher)\./, what: 'other nets of the method' },
];

/** timm's VisionTransformer, whose names DINO, MoCo v3, MAE and DINOv2 have too. */
export const timmVit = defineLayout({
  title: "timm's VisionTransformer",
  prefixes: [
    '',
    'backbone.',
    'teacher.backbone.',
    'teacher.',
    'student.backbone.',
    'module.base_encoder.',
    'base_encoder.',
    'module.backbone.',
    'module.',
    'model.',
    'encoder.',
    'visual.trunk.',
  ],
  marks: ['patch_embed.proj.weight', 'blocks.0.attn.qkv.weight', 'pos_embed'],
  model: (files): AnyModelSpec => ({ image: timmSpec(files, '') }),
  table({ image }, ours) {
    if (image.type === 'resnet') throw new CoupletError('a ResNet has no names of a ViT');
    return vitTable(image, ours, fileVit('', hasClassPosition(image)));
  },
  leftOut: LEFT_OUT,
});

/** A ViT of Couplet, which has positions for class tokens beside registers too. */
export const ownVit = defineLayout({
  ...timmVit,
  title: 'a ViT of Couplet',
  table: ({ image }, ours) => vitTable(image as VitSpec, ours, fileVit('', true)),
});

/** open_clip's models with a trunk from timm and a text tower of their own, such as SigLIP's. */
export const openClipTrunk = defineLayout({
  title: "open_clip's CLIP with a trunk from timm",
  prefixes: ['', 'module.'],
  marks: ['visual.trunk.patch_embed.proj.weight', 'text.token_embedding.weight'],
  model(files): AnyModelSpec {
    const config = partOf(files.config, 'model_cfg');
    const said = partOf(config, 'text_cfg');
    const embedDim = sizeOf(files, 'text.text_projection.weight', 0);
    const vision = partOf(config, 'vision_cfg');
    const image = timmSpec(
      { ...files, config: { architecture: vision.timm_model_name, global_pool: vision.timm_pool } },
      'visual.trunk.',
    );
    const unknown = [...files.tensors.keys()].find((name) => /^visual\.(?!trunk\.)/.test(name));
    if (unknown) refuse(files, `${unknown}: a projection behind a trunk from timm is not known to Couplet.`);
    if (!files.config)
      refuse(
        files,
        'there is no open_clip_config.json beside it, which says how its text tower reads. Put it there.',
      );
    return {
      embedDim,
      image: { ...image, projection: false },
      text: openClipTextSpec(files, 'text.', said, config.quick_gelu === true),
    };
  },
  table(model, ours) {
    const { image } = model;
    if (image.type === 'resnet') throw new CoupletError('a ResNet has no names of a ViT');
    return [
      ...vitTable(image, ours, fileVit('visual.trunk.', hasClassPosition(image))),
      ...(hasTexts(model)
        ? [
            ...textTable(model.text, openClipText('text.')),
            transposed('text_projection', 'text.text_projection.weight', [model.text.width, model.embedDim]),
            ...(model.text.projectionBias
              ? [same('text_projection_bias', 'text.text_projection.bias', [model.embedDim])]
              : []),
            same('logit_scale', 'logit_scale', []),
            { ...same('logit_bias', 'logit_bias', []), optional: true },
          ]
        : []),
    ];
  },
  leftOut: [{ names: /^attn_mask$/, what: 'a mask' }],
});

// Tensors of a tower beside their names in a file. D width, N patches, C class tokens.
import type { TextSpec } from '../../models/text.ts';
import { styleOf, type VitSpec, type VitStyle } from '../../models/vit.ts';
import { OPEN_CLIP_BLOCK } from '../../nn/block.ts';
import { type Correspondence, joinedPair, pair, same } from '../correspondence.ts';

/** Names in a file; those of a block follow its prefix. They include separators. */
export interface FileBlock {
  norm1: string;
  /** One prefix, or those of queries, keys and values. */
  qkv: readonly string[];
  attentionOut: string;
  norm2: string;
  mlpIn: string;
  mlpOut: string;
  scale1: string;
  scale2: string;
}

export interface FileVit {
  classToken: string;
  positions: string;
  /** Prefix of the patch projection. */
  patches: string;
  preNorm: string;
  blocks: string;
  norm: string;
  registers: string;
  block: FileBlock;
  /** Dimensions of one before class token, positions and registers. */
  leading: { classToken: number; positions: number; registers: number };
  /** Whether the class token has a position of its own. Default: true. */
  hasClassPosition?: boolean;
  pool(ours: string, spec: VitSpec): Correspondence[];
}

export interface OurVit {
  /** Of the tower in Couplet's names, with separator. */
  prefix: string;
  style: VitStyle;
}

const led = (count: number, shape: readonly number[]) => [...Array<number>(count).fill(1), ...shape];

function blockTable(
  sizes: { width: number; hidden: number; layerScale?: boolean | undefined },
  { ours, theirs }: { ours: FileBlock; theirs: FileBlock },
  [ourPrefix, theirPrefix]: readonly [string, string],
): Correspondence[] {
  const { width, hidden } = sizes;
  const both = (key: 'norm1' | 'norm2' | 'attentionOut' | 'mlpIn' | 'mlpOut', shape: readonly number[]) =>
    pair(ourPrefix + ours[key], theirPrefix + theirs[key], shape);
  const at = (prefix: string, names: readonly string[]) => names.map((name) => prefix + name);
  return [
    ...both('norm1', [width]),
    ...joinedPair(at(ourPrefix, ours.qkv), at(theirPrefix, theirs.qkv), [3 * width, width]),
    ...both('attentionOut', [width, width]),
    ...both('norm2', [width]),
    ...both('mlpIn', [hidden, width]),
    ...both('mlpOut', [width, hidden]),
    ...(sizes.layerScale
      ? (['scale1', 'scale2'] as const).map((key) =>
          same(ourPrefix + ours[key], theirPrefix + theirs[key], [width]),
        )
      : []),
  ];
}

/** A ViT without a projection behind it. */
export function vitTable(spec: VitSpec, { prefix, style: family }: OurVit, file: FileVit): Correspondence[] {
  const style = styleOf(spec, family);
  const { width, patchSize, imageSize, layers, classToken = true, registers = 0 } = spec;
  const { names, flatTokens } = style;
  const { leading } = file;
  const count = (imageSize / patchSize) ** 2;
  const own = (shape: readonly number[], lead: number) => (flatTokens ? shape : led(lead, shape));
  const ours = (name: string) => prefix + name;
  const rows = count + (classToken ? 1 : 0);
  const hasClassPosition = file.hasClassPosition ?? true;
  const positions: Correspondence =
    classToken && !hasClassPosition
      ? {
          ours: [{ name: ours(names.positions), shape: own([rows, width], 1) }],
          theirs: [
            { name: null, shape: [1, width] },
            { name: file.positions, shape: led(leading.positions, [count, width]) },
          ],
        }
      : same(
          ours(names.positions),
          file.positions,
          own([rows, width], 1),
          led(leading.positions, [rows, width]),
        );
  const blocks = { ours: { ...names.block, qkv: [names.block.qkv] }, theirs: file.block };
  const sizes = { width, hidden: Math.round(width * spec.mlpRatio), layerScale: spec.layerScale };
  return [
    ...(classToken
      ? [same(ours(names.classToken), file.classToken, own([width], 2), led(leading.classToken, [width]))]
      : []),
    positions,
    ...(registers > 0
      ? [
          same(
            ours(names.registers),
            file.registers,
            own([registers, width], 1),
            led(leading.registers, [registers, width]),
          ),
        ]
      : []),
    same(ours(names.patchWeight), `${file.patches}weight`, [width, 3, patchSize, patchSize]),
    ...(style.patchBias ? [same(ours(names.patchBias), `${file.patches}bias`, [width])] : []),
    ...(style.preNorm ? pair(ours(names.preNorm), file.preNorm, [width]) : []),
    ...Array.from({ length: layers }, (_, i) =>
      blockTable(sizes, blocks, [`${prefix}${names.blocks}${i}.`, `${file.blocks}${i}.`]),
    ).flat(),
    ...pair(ours(names.norm), file.norm, [width]),
    ...(spec.pool === 'attention' ? file.pool(ours(names.pool), spec) : []),
  ];
}

export interface FileText {
  tokens: string;
  positions: string;
  blocks: string;
  norm: string;
  block: FileBlock;
}

/** A text tower without the projection behind it. */
export function textTable(spec: TextSpec, file: FileText): Correspondence[] {
  const { width, contextLength, vocabSize, layers, mlpRatio = 4 } = spec;
  const blocks = { ours: { ...OPEN_CLIP_BLOCK, qkv: [OPEN_CLIP_BLOCK.qkv] }, theirs: file.block };
  const sizes = { width, hidden: Math.round(width * mlpRatio) };
  return [
    same('positional_embedding', file.positions, [contextLength, width]),
    same('token_embedding.weight', file.tokens, [vocabSize, width]),
    ...Array.from({ length: layers }, (_, i) =>
      blockTable(sizes, blocks, [`transformer.resblocks.${i}.`, `${file.blocks}${i}.`]),
    ).flat(),
    ...pair('ln_final.', file.norm, [width]),
  ];
}

/** timm's AttentionPoolLatent, whose names are also Couplet's. */
export function timmPool(theirs: string): FileVit['pool'] {
  return (ours, { width, mlpRatio }) => {
    const hidden = Math.round(width * mlpRatio);
    const both = (name: string, shape: readonly number[]) => pair(ours + name, theirs + name, shape);
    return [
      same(`${ours}latent`, `${theirs}latent`, [1, 1, width]),
      ...both('q.', [width, width]),
      ...both('kv.', [2 * width, width]),
      ...both('proj.', [width, width]),
      ...both('norm.', [width]),
      ...both('mlp.fc1.', [hidden, width]),
      ...both('mlp.fc2.', [width, hidden]),
    ];
  };
}

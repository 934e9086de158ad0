import type { ResNetSpec } from '../../models/resnet.ts';
import { type Correspondence, pair, same } from '../correspondence.ts';
import type { Json, WeightFiles } from '../files.ts';
import { countBlocks, headsOf, numberOf, sideOf, sizeOf } from './reading.ts';

const EXPANSION = 4;

/** CLIP's ResNet, whose names are the same in open_clip and Couplet. */
export function resnetSpec(files: WeightFiles, said: Json): ResNetSpec {
  const width = sizeOf(files, 'visual.conv3.weight', 0);
  const layers = [1, 2, 3, 4].map((stage) => countBlocks(files, `visual.layer${stage}.`));
  const places = sizeOf(files, 'visual.attnpool.positional_embedding', 0) - 1;
  return {
    type: 'resnet',
    imageSize: 32 * sideOf(files, places),
    layers: layers as [number, number, number, number],
    width,
    heads: headsOf(files, (32 * width) / numberOf(files, said, 'head_width', 64), 32 * width),
  };
}

export function resnetTable(
  { layers, width, imageSize }: ResNetSpec,
  { embedDim }: { embedDim: number },
): Correspondence[] {
  const convNorm = (conv: string, norm: string, shape: readonly number[]): Correspondence[] => {
    const own = (name: string, of: readonly number[]) => same(name, name, of);
    return [
      own(`${conv}.weight`, shape),
      ...['weight', 'bias', 'running_mean', 'running_var'].map((kind) =>
        own(`${norm}.${kind}`, shape.slice(0, 1)),
      ),
      { ...own(`${norm}.num_batches_tracked`, []), optional: true },
    ];
  };
  const numbered = (prefix: string, n: number, shape: readonly number[]) =>
    convNorm(`${prefix}conv${n}`, `${prefix}bn${n}`, shape);
  const half = width / 2;
  const table = [
    ...numbered('visual.', 1, [half, 3, 3, 3]),
    ...numbered('visual.', 2, [half, half, 3, 3]),
    ...numbered('visual.', 3, [width, half, 3, 3]),
  ];
  let channels = width;
  layers.forEach((count, stage) => {
    const planes = width * 2 ** stage;
    for (let i = 0; i < count; i++) {
      const prefix = `visual.layer${stage + 1}.${i}.`;
      const out = planes * EXPANSION;
      table.push(
        ...numbered(prefix, 1, [planes, channels, 1, 1]),
        ...numbered(prefix, 2, [planes, planes, 3, 3]),
        ...numbered(prefix, 3, [out, planes, 1, 1]),
      );
      if (i === 0) {
        const shortcut = `${prefix}downsample`;
        table.push(...convNorm(`${shortcut}.0`, `${shortcut}.1`, [out, channels, 1, 1]));
      }
      channels = out;
    }
  });
  const pool = 'visual.attnpool.';
  const positions = [1 + (imageSize / 32) ** 2, channels];
  return [
    ...table,
    same(`${pool}positional_embedding`, `${pool}positional_embedding`, positions),
    ...['q_proj.', 'k_proj.', 'v_proj.'].flatMap((name) =>
      pair(pool + name, pool + name, [channels, channels]),
    ),
    ...pair(`${pool}c_proj.`, `${pool}c_proj.`, [embedDim, channels]),
  ];
}

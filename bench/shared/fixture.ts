// A method with its optimizer, and random batches, as the benches train them.
import { type Batch, findMethod } from '../../src/methods/index.ts';
import type { AnyClipSpec } from '../../src/models/clip.ts';
import { type Freeze, frozenNames } from '../../src/models/freeze.ts';
import type { AnyModelSpec } from '../../src/models/registry.ts';
import { AdamW, decayGroups } from '../../src/optim/index.ts';
import { alone, type Ranks } from '../../src/ranks/index.ts';
import { arange, type Generator, rand, scope, tensor } from '../../src/torch/index.ts';

const adam = { beta1: 0.9, beta2: 0.98, eps: 1e-6 };

export interface Fixture {
  name: string;
  /** The method's options, as in a config. */
  options?: object;
  model: AnyModelSpec;
  /** Samples of each rank. */
  batchSize: number;
  device: string;
  precision: 'float32' | 'bfloat16';
  ranks?: Ranks;
  freeze?: Freeze;
  /** Default four global batches. */
  datasetSize?: number;
}

export function makeMethod({ name, options, batchSize, ranks = alone, freeze, ...context }: Fixture) {
  const definition = findMethod(name);
  const parsed = definition.options.parse({ name, ...options });
  const method = definition.create({
    options: parsed,
    datasetSize: 4 * batchSize * ranks.worldSize,
    seed: 0,
    pixels: { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
    optimizer: { peakLr: 1e-4, ...adam },
    ranks,
    ...context,
  });
  if (freeze) method.freeze(frozenNames(method.params.keys(), { freeze, model: context.model }));
  return { definition, options: parsed, method, optimizer: new AdamW(decayGroups(method.params, 0.1), adam) };
}

/** Random pictures and captions of one rank. Captions are full: their last token is the end token, so no column is cut off. */
export function randomPairs(
  { image, text }: AnyClipSpec,
  {
    batchSize,
    device,
    generator,
    ranks = alone,
  }: { batchSize: number; device: string; generator: Generator; ranks?: Ranks },
): Batch {
  return scope(() => {
    const images = rand([batchSize, image.imageSize, image.imageSize, 3], generator)
      .mul(255)
      .to('uint8')
      .toDevice(device);
    const words = rand([batchSize, text.contextLength], generator)
      .mul(text.vocabSize - 3)
      .to('int32')
      .toArray() as Int32Array;
    for (let row = 1; row <= batchSize; row++) words[row * text.contextLength - 1] = text.vocabSize - 1;
    const first = ranks.rank * batchSize;
    return {
      views: [images],
      tokens: tensor(words, [batchSize, text.contextLength], { device }),
      ids: arange(first, first + batchSize, { device }),
      rows: { first, total: ranks.worldSize * batchSize },
    };
  });
}

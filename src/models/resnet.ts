// B batch, S image side, E embedding.

import { AttentionPool } from '../nn/attention-pool.ts';
import { BatchNorm } from '../nn/batch-norm.ts';
import type { GeluMlpSpec } from '../nn/heads.ts';
import type { Init } from '../nn/init.ts';
import { Module } from '../nn/module.ts';
import type { Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

export interface ResNetSpec {
  type: 'resnet';
  /** A multiple of 32. */
  imageSize: number;
  /** Bottlenecks of each stage: [3, 4, 6, 3] for RN50. */
  layers: readonly [number, number, number, number];
  /** Channels after the stem. */
  width: number;
  /** Heads of the attention pool; a divisor of 32 width. */
  heads: number;
  /** Behind the embedding, in a Clip. */
  head?: GeluMlpSpec;
}

/** Output channels of a bottleneck, as a multiple of its inner ones. */
const EXPANSION = 4;

interface Conv {
  in: number;
  out: number;
  side: 1 | 3;
  stride?: number;
}

/** A convolution without bias and its batch norm. */
class ConvNorm extends Module {
  readonly #kernel: Tensor; // [out, in, side, side]
  readonly #norm: BatchNorm;
  readonly #conv: Conv;

  constructor(init: Init, names: { conv: string; norm: string }, conv: Conv & { gain?: Tensor }) {
    super();
    const { in: inner, out, side } = conv;
    this.#conv = conv;
    const kernel = init.fanIn([out, inner, side, side], inner * side * side);
    this.#kernel = this.parameter(`${names.conv}.weight`, kernel);
    this.#norm = this.child(`${names.norm}.`, new BatchNorm(init, out, conv.gain && { weight: conv.gain }));
  }

  forward(x: Tensor): Tensor {
    const { side, stride = 1 } = this.#conv;
    return this.#norm.forward(ops.conv2d(x, this.#kernel, null, [stride, stride], [side >> 1, side >> 1]));
  }
}

const numbered = (n: number) => ({ conv: `conv${n}`, norm: `bn${n}` });

/** Takes a stride without aliasing. */
function shrink(x: Tensor, side: number): Tensor {
  return side === 1 ? x : ops.avg_pool2d(x, [side, side]);
}

/** relu(conv3(shrink(relu(conv2(relu(conv1(x)))))) + shortcut(x)). */
class Bottleneck extends Module {
  readonly #reduce: ConvNorm;
  readonly #mix: ConvNorm;
  readonly #expand: ConvNorm;
  readonly #shortcut: ConvNorm | null;
  readonly #stride: number;

  constructor(init: Init, { in: inner, planes, stride }: { in: number; planes: number; stride: number }) {
    super();
    const out = planes * EXPANSION;
    this.#stride = stride;
    this.#reduce = this.child('', new ConvNorm(init, numbered(1), { in: inner, out: planes, side: 1 }));
    this.#mix = this.child('', new ConvNorm(init, numbered(2), { in: planes, out: planes, side: 3 }));
    // With zero gain each block starts as its shortcut.
    const gain = init.zeros([out]);
    this.#expand = this.child('', new ConvNorm(init, numbered(3), { in: planes, out, side: 1, gain }));
    const names = { conv: 'downsample.0', norm: 'downsample.1' };
    this.#shortcut =
      stride > 1 || inner !== out
        ? this.child('', new ConvNorm(init, names, { in: inner, out, side: 1 }))
        : null;
  }

  forward(x: Tensor): Tensor {
    const reduced = ops.relu_(this.#reduce.forward(x));
    const mixed = ops.relu_(this.#mix.forward(reduced));
    const out = this.#expand.forward(shrink(mixed, this.#stride));
    const shortcut = this.#shortcut ? this.#shortcut.forward(shrink(x, this.#stride)) : x;
    return ops.relu_(out.add_(shortcut));
  }
}

/**
 * CLIP's modified ResNet (Radford et al. 2021, section 2.4), [B, 3, S, S] -> [B, E], with open_clip's names and initialisation.
 * Batch norms use running statistics outside {@link BatchStatistics}. Throws a RangeError unless 32 divides S.
 */
export class ModifiedResNet extends Module {
  readonly #stem: ConvNorm[];
  readonly #blocks: Bottleneck[];
  readonly #pool: AttentionPool;

  constructor(init: Init, spec: ResNetSpec, embedDim: number) {
    super();
    const { imageSize, layers, width, heads } = spec;
    if (imageSize % 32 !== 0) throw new RangeError(`image size ${imageSize} is not a multiple of 32`);
    const half = width / 2;
    const stem: Conv[] = [
      { in: 3, out: half, side: 3, stride: 2 },
      { in: half, out: half, side: 3 },
      { in: half, out: width, side: 3 },
    ];
    this.#stem = stem.map((conv, i) => this.child('', new ConvNorm(init, numbered(i + 1), conv)));
    let channels = width;
    this.#blocks = layers.flatMap((count, stage) =>
      Array.from({ length: count }, (_, i) => {
        const planes = width * 2 ** stage;
        const block = new Bottleneck(init, { in: channels, planes, stride: stage > 0 && i === 0 ? 2 : 1 });
        channels = planes * EXPANSION;
        return this.child(`layer${stage + 1}.${i}.`, block);
      }),
    );
    const size = { places: (imageSize / 32) ** 2, width: channels, heads, out: embedDim };
    this.#pool = this.child('attnpool.', new AttentionPool(init, size));
  }

  forward(images: Tensor): Tensor {
    let x = images;
    for (const conv of this.#stem) x = ops.relu_(conv.forward(x));
    x = shrink(x, 2);
    for (const block of this.#blocks) x = block.forward(x);
    return this.#pool.forward(x);
  }
}

// B batch, V views, D width of the backbone, E embedding, K outputs.
import type { Ranks } from '../ranks/index.ts';
import type { Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import type { Affine } from './batch-norm.ts';
import type { Init } from './init.ts';
import { Module } from './module.ts';
import { SyncBatchNorm } from './sync-batch-norm.ts';
import { unitRows } from './unit-rows.ts';

export type Layer =
  | { type: 'linear'; out: number; bias: boolean; std?: number }
  | { type: 'batchNorm'; ranks: Ranks; affine: Affine }
  | { type: 'relu' }
  | { type: 'gelu' };

const relu: Layer = { type: 'relu' };
const gelu: Layer = { type: 'gelu' };

/** `std`: deviation of normal weights, with zero biases; default PyTorch's initialisation. */
function linear(out: number, { bias = true, ...start }: { bias?: boolean; std?: number } = {}): Layer {
  return { type: 'linear', out, bias, ...start };
}

function batchNorm(ranks: Ranks, affine: Affine = 'both'): Layer {
  return { type: 'batchNorm', ranks, affine };
}

/** Linear layers with GELU between them. */
export interface GeluMlpSpec {
  layers: number;
  /** Width between layers. */
  hidden: number;
}

export const geluMlp = ({ layers, hidden }: GeluMlpSpec, out: number): Layer[] =>
  Array.from({ length: layers }, (_, k) => (k < layers - 1 ? [linear(hidden), gelu] : [linear(out)])).flat();

/**
 * A sequence of layers, [B, D] -> [B, E], named as in PyTorch's Sequential.
 * On views [B, V, D], batch norms treat each view as its own batch.
 */
export class Head extends Module {
  readonly #layers: ((x: Tensor) => Tensor)[] = [];

  /** @param width D */
  constructor(init: Init, width: number, layers: readonly Layer[]) {
    super();
    let input = width;
    layers.forEach((layer, place) => {
      this.#layers.push(this.#make(layer, { init, input, prefix: `${place}.` }));
      if (layer.type === 'linear') input = layer.out;
    });
  }

  #make(layer: Layer, { init, input, prefix }: { init: Init; input: number; prefix: string }) {
    if (layer.type === 'relu') return ops.relu;
    if (layer.type === 'gelu') return (x: Tensor) => ops.gelu(x);
    if (layer.type === 'batchNorm') {
      const norm = this.child(prefix, new SyncBatchNorm(init, input, layer));
      return (x: Tensor) => (x.dim === 3 ? norm.forwardViews(x) : norm.forward(x));
    }
    const { out, std } = layer;
    const matrix = std === undefined ? init.fanIn([out, input], input) : init.normal([out, input], std);
    const weight = this.parameter(`${prefix}weight`, matrix);
    const start = () => (std === undefined ? init.fanIn([out], input) : init.zeros([out]));
    const bias = layer.bias ? this.parameter(`${prefix}bias`, start()) : null;
    return (x: Tensor) => ops.linear(x, weight, bias);
  }

  forward(x: Tensor): Tensor {
    return this.#layers.reduce((input, layer) => layer(input), x);
  }
}

/**
 * Linear layers without biases, each with a batch norm, and ReLU between.
 * @equation FastCL 7.1: widths of heads: MoCo v3 D-H-H-E and E-H-E, SimCLR D-D-D-E, with batch norms; DINO D-H-H-E, unit rows, then weights g v / |v|
 */
export function normedMlp(widths: readonly number[], { ranks, last }: { ranks: Ranks; last: Affine }) {
  return widths.flatMap((width, i): Layer[] => [
    linear(width, { bias: false }),
    ...(i < widths.length - 1 ? [batchNorm(ranks), relu] : [batchNorm(ranks, last)]),
  ]);
}

export interface DinoHeadOptions {
  width: number; // D
  hidden: number;
  embedDim: number; // E
  outputs: number; // K
  /** Whether the last layer's rows keep unit length. */
  normLastLayer: boolean;
}

/**
 * DINO's head (Caron et al. 2021, appendix C), [B, D] -> [B, K]: a GELU MLP, unit rows, and a last layer g v / |v|.
 * Outputs are cosines while g is 1. Names as in the released checkpoints.
 * @equation FastCL 7.1: widths of heads: MoCo v3 D-H-H-E and E-H-E, SimCLR D-D-D-E, with batch norms; DINO D-H-H-E, unit rows, then weights g v / |v|
 */
export class DinoHead extends Module {
  readonly #mlp: Head;
  readonly #lengths: Tensor; // g [K, 1]
  readonly #directions: Tensor; // v [K, E]

  constructor(init: Init, { width, hidden, embedDim, outputs, normLastLayer }: DinoHeadOptions) {
    super();
    const [inner, last] = [hidden, embedDim].map((out) => linear(out, { std: 0.02 }));
    this.#mlp = this.child('mlp.', new Head(init, width, [inner, gelu, inner, gelu, last]));
    const lengths = this.parameter('last_layer.weight_g', init.ones([outputs, 1]));
    this.#lengths = lengths.requireGrad(!normLastLayer);
    this.#directions = this.parameter('last_layer.weight_v', init.fanIn([outputs, embedDim], embedDim));
  }

  forward(x: Tensor): Tensor {
    const directions = this.#directions;
    const scale = this.#lengths.div(ops.linalg_vector_norm(directions, 2, 1, true));
    return ops.linear(unitRows(this.#mlp.forward(x)), directions.mul(scale));
  }
}

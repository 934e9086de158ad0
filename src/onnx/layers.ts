// B batch, N tokens, D width, H heads, d = D / H.
import { CoupletError } from '../errors.ts';
import type { Activation } from '../nn/activation.ts';
import type { BlockNames } from '../nn/block.ts';
import type { Graph, Value } from './graph.ts';
import type { Variant } from './variants/variant.ts';
import { transposed, type Weights } from './weights.ts';

export interface BlockShape {
  names: BlockNames;
  width: number;
  heads: number;
  hidden: number;
  normEps: number;
  activation: Activation;
  layerScale?: boolean;
}

/** Layers of transformers, over the last dimension. */
export class Layers {
  readonly graph: Graph;
  readonly weights: Weights;
  readonly variant: Variant;

  constructor(graph: Graph, weights: Weights, variant: Variant) {
    this.graph = graph;
    this.weights = weights;
    this.variant = variant;
  }

  /** @param name of `weight` and `bias`, separator included */
  linear(x: Value, name: string, size: { in: number; out: number }): Value {
    const product = this.variant.matmul(
      this.graph,
      x,
      this.weights.take(`${name}weight`, [size.out, size.in]),
    );
    return this.add(product, this.vector(`${name}bias`, size.out));
  }

  vector(name: string, size: number): Value {
    return this.graph.weight(this.weights.take(name, [size]));
  }

  add(a: Value, b: Value): Value {
    return this.graph.op('Add', [a, b]);
  }

  layerNorm(x: Value, name: string, { width, eps }: { width: number; eps: number }): Value {
    return this.graph.op(
      'LayerNormalization',
      [x, this.vector(`${name}weight`, width), this.vector(`${name}bias`, width)],
      { attributes: { axis: -1, epsilon: { float: eps } } },
    );
  }

  activate(x: Value, activation: Activation): Value {
    const { graph } = this;
    if (activation !== 'quick-gelu')
      return graph.op('Gelu', [x], {
        attributes: { approximate: activation === 'gelu' ? 'none' : 'tanh' },
      });
    const gate = graph.op('Sigmoid', [graph.op('Mul', [x, graph.scalar(1.702)])]);
    return graph.op('Mul', [x, gate]);
  }

  /** Queries [B, M, D], keys and values [B, N, D] -> [B, M, D]. @param mask is added to [B, H, M, N] */
  attention(
    [query, key, value]: readonly [Value, Value, Value],
    { width, heads, mask }: { width: number; heads: number; mask?: Value | undefined },
  ): Value {
    const { graph } = this;
    const perHead = width / heads;
    if (!Number.isInteger(perHead))
      throw new CoupletError(
        `ONNX: ${heads} heads do not divide the width ${width}. Give the spec of these weights.`,
      );
    const split = (x: Value, perm: readonly number[]) =>
      graph.op('Transpose', [graph.op('Reshape', [x, graph.ints(0, 0, heads, perHead)])], {
        attributes: { perm },
      });
    const scaled = graph.op('Mul', [query, graph.scalar(perHead ** -0.5)]);
    const scores = graph.op('MatMul', [split(scaled, [0, 2, 1, 3]), split(key, [0, 2, 3, 1])]);
    const shares = graph.op('Softmax', [mask === undefined ? scores : this.add(scores, mask)], {
      attributes: { axis: -1 },
    });
    const mixed = graph.op('MatMul', [shares, split(value, [0, 2, 1, 3])]);
    const joined = graph.op('Transpose', [mixed], { attributes: { perm: [0, 2, 1, 3] } });
    return graph.op('Reshape', [joined, graph.ints(0, 0, width)]);
  }

  /** A pre-norm block on [B, N, D]. */
  block(x: Value, prefix: string, shape: BlockShape, mask?: Value): Value {
    const { names, width, heads, normEps: eps, layerScale } = shape;
    const scaled = (branch: Value, name: string) =>
      layerScale ? this.graph.op('Mul', [branch, this.vector(prefix + name, width)]) : branch;
    const qkv = this.linear(this.layerNorm(x, prefix + names.norm1, { width, eps }), prefix + names.qkv, {
      in: width,
      out: 3 * width,
    });
    const parts = this.graph.ops('Split', [qkv], 3, { attributes: { axis: -1, num_outputs: 3 } });
    const attended = this.attention(parts as [Value, Value, Value], { width, heads, mask });
    const out = this.linear(attended, prefix + names.attentionOut, { in: width, out: width });
    const middle = this.add(x, scaled(out, names.scale1));
    return this.add(middle, scaled(this.mlp(middle, prefix, shape), names.scale2));
  }

  /** Norm and MLP of a block. */
  mlp(x: Value, prefix: string, { names, width, hidden, normEps: eps, activation }: BlockShape): Value {
    const normed = this.layerNorm(x, prefix + names.norm2, { width, eps });
    const inner = this.linear(normed, prefix + names.mlpIn, { in: width, out: hidden });
    return this.linear(this.activate(inner, activation), prefix + names.mlpOut, { in: hidden, out: width });
  }

  /** x [..., K] times a matrix that is stored as [K, N]. */
  project(x: Value, name: string, size: { in: number; out: number }): Value {
    const stored = this.weights.take(name, [size.in, size.out]);
    return this.variant.matmul(this.graph, x, transposed(stored));
  }

  /** Rows of unit length, in float32. */
  unitRows(x: Value): Value {
    const { graph } = this;
    const exact = graph.float === 'float32' ? x : graph.cast(x, 'float32');
    const length = graph.op('ReduceL2', [exact, graph.ints(-1)], { attributes: { keepdims: 1 } });
    return graph.op('Div', [exact, graph.op('Max', [length, graph.scalar(1e-12, 'float32')])]);
  }
}

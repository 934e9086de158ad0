// B batch, N patches, T tokens before them, D width, p patch side.
import type { VitSpec } from '../models/vit.ts';
import type { VitStyle } from '../models/vit-style.ts';
import type { Value } from './graph.ts';
import type { Layers } from './layers.ts';
import { derived, type Weight } from './weights.ts';

/** What an image tower gives. */
export interface ImageOutputs {
  /** After the last norm, [B, T + N, D]. */
  tokens?: Value;
  /** [B, D], before a projection. */
  pooled: Value;
}

/** Normalised pixels [B, 3, S, S] through a vision transformer whose tensors begin with `prefix`. */
export function vit(
  layers: Layers,
  pixels: Value,
  spec: VitSpec,
  style: VitStyle,
  prefix: string,
): ImageOutputs {
  const { graph } = layers;
  const { width, heads, normEps: eps = style.normEps } = { ...style, ...spec };
  let x = embed(layers, pixels, spec, style, prefix);
  if (style.preNorm) x = layers.layerNorm(x, prefix + style.names.preNorm, { width, eps });
  for (let i = 0; i < spec.layers; i++)
    x = layers.block(x, `${prefix}${style.names.blocks}${i}.`, {
      names: style.names.block,
      width,
      heads,
      hidden: Math.round(width * spec.mlpRatio),
      normEps: eps,
      activation: 'gelu',
    });
  const tokens = layers.layerNorm(x, prefix + style.names.norm, { width, eps });
  if (spec.pool === 'class')
    return { tokens, pooled: graph.op('Gather', [tokens, graph.int(0)], { attributes: { axis: 1 } }) };
  const end = 1 + (spec.imageSize / spec.patchSize) ** 2;
  const patches = graph.op('Slice', [tokens, graph.ints(1), graph.ints(end), graph.ints(1)]);
  return {
    tokens,
    pooled: graph.op('ReduceMean', [patches, graph.ints(1)], { attributes: { keepdims: 0 } }),
  };
}

/** The blocks' input [B, T + N, D]. */
function embed(layers: Layers, pixels: Value, spec: VitSpec, style: VitStyle, prefix: string): Value {
  const { graph, weights, variant } = layers;
  const { width, patchSize: p, imageSize } = spec;
  const patches = (imageSize / p) ** 2;
  const kernel = weights.take(prefix + style.names.patchWeight, [width, 3, p, p]);
  const inputs = [pixels, variant.kernel(graph, kernel)];
  if (style.patchBias) inputs.push(layers.vector(prefix + style.names.patchBias, width));
  const grid = graph.op('Conv', inputs, { attributes: { kernel_shape: [p, p], strides: [p, p] } });
  const rows = graph.op('Reshape', [grid, graph.ints(0, width, patches)]);
  const sequence = graph.op('Transpose', [rows], { attributes: { perm: [0, 2, 1] } });
  // Tokens before the patches are zeros here, and stand in the table that is added.
  const padded = graph.op('Pad', [sequence, graph.ints(0, 1, 0, 0, 0, 0)]);
  return layers.add(padded, graph.weight(tokenTable(layers, spec, style, prefix)));
}

/** What is added to patches and to zeros before them: [T + N, D]. */
function tokenTable({ weights }: Layers, spec: VitSpec, style: VitStyle, prefix: string): Weight {
  const { width, patchSize, imageSize } = spec;
  const shape = [1 + (imageSize / patchSize) ** 2, width];
  const positions = weights.take(prefix + style.names.positions, shape);
  const classToken = weights.take(prefix + style.names.classToken, [width]);
  return derived(`${prefix}tokens`, shape, [positions, classToken], (table, token) =>
    table.map((value, i) => (i < width ? value + token[i]! : value)),
  );
}

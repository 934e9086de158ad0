// B batch, N patches, C class tokens (1 or 0), R registers, D width, p patch side.
import { CoupletError } from '../errors.ts';
import { prefixTokens, styleOf, type VitSpec } from '../models/vit.ts';
import type { VitStyle } from '../models/vit-style.ts';
import type { Value } from './graph.ts';
import type { BlockShape, Layers } from './layers.ts';
import { derived, type Weight } from './weights.ts';

/** What an image tower gives. */
export interface ImageOutputs {
  /** After the last norm, [B, C + R + N, D]. */
  tokens?: Value;
  /** [B, D], before a projection. */
  pooled: Value;
}

/** A vision transformer whose tensors' names begin with `prefix`. */
interface Vit {
  spec: VitSpec;
  style: VitStyle;
  prefix: string;
}

/** Normalised pixels [B, 3, S, S] through a vision transformer. */
export function vit(layers: Layers, pixels: Value, { spec, style: given, prefix }: Vit): ImageOutputs {
  const style = styleOf(spec, given);
  const { names, normEps } = style;
  const { width, heads, layerScale, activation = 'gelu' } = spec;
  const shape: BlockShape = {
    ...{ names: names.block, width, heads, normEps, activation },
    hidden: Math.round(width * spec.mlpRatio),
    ...(layerScale && { layerScale }),
  };
  const norm = (x: Value, name: string) => layers.layerNorm(x, prefix + name, { width, eps: normEps });
  let x = embed(layers, pixels, { spec, style, prefix });
  if (style.preNorm) x = norm(x, names.preNorm);
  for (let i = 0; i < spec.layers; i++) x = layers.block(x, `${prefix}${names.blocks}${i}.`, shape);
  const tokens = norm(x, names.norm);
  return { tokens, pooled: pool(layers, tokens, { spec, prefix: prefix + names.pool, shape }) };
}

function pool(
  layers: Layers,
  tokens: Value,
  { spec, prefix, shape }: { spec: VitSpec; prefix: string; shape: BlockShape },
): Value {
  const { graph } = layers;
  if (spec.pool === 'attention') return latentPool(layers, tokens, prefix, shape);
  if (spec.pool === 'class') return graph.op('Gather', [tokens, graph.int(0)], { attributes: { axis: 1 } });
  const before = prefixTokens(spec);
  const end = before + patchesOf(spec);
  const patches = graph.op('Slice', [tokens, graph.ints(before), graph.ints(end), graph.ints(1)]);
  return graph.op('ReduceMean', [patches, graph.ints(1)], { attributes: { keepdims: 0 } });
}

function patchesOf({ imageSize, patchSize }: VitSpec): number {
  if (imageSize % patchSize === 0) return (imageSize / patchSize) ** 2;
  throw new CoupletError(
    `ONNX: the patch size ${patchSize} does not divide the image size ${imageSize}. Give the spec of these weights.`,
  );
}

/** SigLIP's head: one learned query looks at all tokens, [B, N, D] -> [B, D]; then an MLP. */
function latentPool(layers: Layers, tokens: Value, prefix: string, shape: BlockShape): Value {
  const { graph, weights } = layers;
  const { width, heads } = shape;
  const latent = graph.weight(weights.take(`${prefix}latent`, [1, 1, width]));
  const query = layers.linear(latent, `${prefix}q.`, { in: width, out: width });
  const both = layers.linear(tokens, `${prefix}kv.`, { in: width, out: 2 * width });
  const [key, value] = graph.ops('Split', [both], 2, { attributes: { axis: -1, num_outputs: 2 } });
  const mixed = layers.attention([query, key!, value!], { width, heads });
  const out = layers.linear(mixed, `${prefix}proj.`, { in: width, out: width });
  const names = { norm2: 'norm.', mlpIn: 'mlp.fc1.', mlpOut: 'mlp.fc2.' };
  const pooled = layers.add(out, layers.mlp(out, prefix, { ...shape, names: { ...shape.names, ...names } }));
  return graph.op('Squeeze', [pooled, graph.ints(1)]);
}

/** The blocks' input [B, C + R + N, D]. */
function embed(layers: Layers, pixels: Value, vit: Vit): Value {
  const { graph, weights, variant } = layers;
  const { spec, style, prefix } = vit;
  const { width, patchSize: p } = spec;
  const kernel = weights.take(prefix + style.names.patchWeight, [width, 3, p, p]);
  const inputs = [pixels, variant.kernel(graph, kernel)];
  if (style.patchBias) inputs.push(layers.vector(prefix + style.names.patchBias, width));
  const grid = graph.op('Conv', inputs, { attributes: { kernel_shape: [p, p], strides: [p, p] } });
  const rows = graph.op('Reshape', [grid, graph.ints(0, width, patchesOf(spec))]);
  const sequence = graph.op('Transpose', [rows], { attributes: { perm: [0, 2, 1] } });
  const before = prefixTokens(spec);
  // Tokens before the patches are zeros here, and stand in the table that is added.
  const padded = before === 0 ? sequence : graph.op('Pad', [sequence, graph.ints(0, before, 0, 0, 0, 0)]);
  return layers.add(padded, graph.weight(tokenTable(layers, vit)));
}

/** What is added to patches, and to zeros before them: [C + R + N, D]. */
function tokenTable({ weights }: Layers, { spec, style: { names }, prefix }: Vit): Weight {
  const { width, registers = 0 } = spec;
  const before = prefixTokens(spec);
  const leading = before - registers;
  const take = (name: string, rows: number) =>
    rows === 0 ? [] : [weights.take(prefix + name, [rows, width])];
  const parts = [
    ...take(names.positions, leading + patchesOf(spec)),
    ...take(names.classToken, leading),
    ...take(names.registers, registers),
  ];
  const shape = [before + patchesOf(spec), width];
  return derived(`${prefix}tokens`, shape, parts, (positions, ...tokens) => {
    const table = new Float32Array(shape[0]! * width);
    table.set(positions!.subarray(leading * width), before * width);
    tokens.forEach((rows, i) => {
      table.set(rows, i * width); // the class token is one row
    });
    for (let i = 0; i < leading * width; i++) table[i]! += positions![i]!;
    return table;
  });
}

import { bytesOf, type Graph, sizeOf, type Value } from '../graph.ts';
import type { Weight } from '../weights.ts';
import { defineVariant } from './variant.ts';

/** The step of an activation of zero. */
const ZERO = 128;

/** A scale for each row of [R, C], such that the largest magnitude is 127. */
function scalesOf(values: Float32Array, rows: number): Float32Array {
  const columns = values.length / rows;
  return Float32Array.from({ length: rows }, (_, row) => {
    let largest = 0;
    for (const value of values.subarray(row * columns, (row + 1) * columns))
      largest = Math.max(largest, Math.abs(value));
    return largest / 127 || 1;
  });
}

/** [R, C] in steps of its rows' scales; @param transpose gives [C, R] */
function quantize(values: Float32Array, rows: number, transpose: boolean): Int8Array {
  const scales = scalesOf(values, rows);
  const columns = values.length / rows;
  const out = new Int8Array(values.length);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++)
      out[transpose ? c * rows + r : r * columns + c] = Math.round(values[r * columns + c]! / scales[r]!);
  return out;
}

/** A weight as int8, with a scale for each row: each index of its first dimension. */
function int8(
  graph: Graph,
  weight: Weight,
  { transpose = false, scaleShape }: { transpose?: boolean; scaleShape: readonly number[] },
): { values: Value; scales: Value } {
  const rows = weight.shape[0]!;
  const shape = transpose ? weight.shape.toReversed() : weight.shape;
  return {
    values: graph.constant(`${weight.name}:int8`, 'int8', shape, {
      length: sizeOf(shape),
      bytes: async () => bytesOf(quantize(await weight.read(), rows, transpose)),
    }),
    scales: graph.weight({
      name: `${weight.name}:scale`,
      shape: scaleShape,
      read: async () => scalesOf(await weight.read(), rows),
    }),
  };
}

/** Rows of a table that is stored as int8. */
export function int8Rows(graph: Graph, table: Weight, ids: Value): Value {
  const { values, scales } = int8(graph, table, { scaleShape: [table.shape[0]!, 1] });
  const steps = graph.cast(graph.op('Gather', [values, ids]), graph.float);
  return graph.op('Mul', [steps, graph.op('Gather', [scales, ids])]);
}

/** A kernel that is stored as int8; a runtime makes floats of it once, when it loads the file. */
export function int8Kernel(graph: Graph, weight: Weight): Value {
  const { values, scales } = int8(graph, weight, { scaleShape: [weight.shape[0]!, 1, 1, 1] });
  return graph.op('Mul', [graph.cast(values, graph.float), scales]);
}

/**
 * Sums of products of integers. Weights have a scale by output channel; activations one by token, found while the file runs, so that
 * neither an unusual token nor the rest of the batch makes others coarse.
 */
function int8MatMul(graph: Graph, x: Value, weight: Weight): Value {
  const { values, scales } = int8(graph, weight, { transpose: true, scaleShape: [weight.shape[0]!] });
  const largest = graph.op('ReduceMax', [graph.op('Abs', [x]), graph.ints(-1)], {
    attributes: { keepdims: 1 },
  });
  const scale = graph.op('Mul', [graph.op('Max', [largest, graph.scalar(1e-12)]), graph.scalar(1 / 127)]);
  // From 1 to 255 around 128; the cast cuts.
  const shifted = graph.op('Add', [graph.op('Div', [x, scale]), graph.scalar(ZERO + 0.5)]);
  const zero = graph.constant('zero step', 'uint8', [], {
    length: 1,
    bytes: async () => Uint8Array.of(ZERO),
  });
  const sums = graph.op('MatMulInteger', [graph.cast(shifted, 'uint8'), values, zero]);
  return graph.op('Mul', [graph.op('Mul', [graph.cast(sums, graph.float), scale]), scales]);
}

export const q8 = defineVariant({
  name: 'q8',
  suffix: '_quantized',
  leastCosine: 0.98,
  quantized: true,
  matmul: int8MatMul,
  rows: int8Rows,
  kernel: int8Kernel,
});

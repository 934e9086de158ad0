import type { Graph, Value } from '../graph.ts';
import { MICROSOFT } from '../proto.ts';
import type { Weight } from '../weights.ts';
import { int8Kernel, int8Rows } from './int8.ts';
import { defineVariant } from './variant.ts';

/** Weights that share a scale. */
const BLOCK = 32;
/** The step that stands for zero. */
const ZERO = 8;

/** One scale a block of [N, K]: the largest magnitude is -8 steps, since there are 8 below zero and 7 above. */
function scalesOf(values: Float32Array, inner: number): Float32Array {
  const blocks = Math.ceil(inner / BLOCK);
  return Float32Array.from({ length: (values.length / inner) * blocks }, (_, i) => {
    const row = Math.floor(i / blocks);
    const start = row * inner + (i % blocks) * BLOCK;
    let extreme = 0;
    for (const value of values.subarray(start, Math.min(start + BLOCK, (row + 1) * inner)))
      if (Math.abs(value) > Math.abs(extreme)) extreme = value;
    return extreme / -ZERO;
  });
}

/** Two weights a byte, the first in the low half: [N, blocks, 16]. */
function pack(values: Float32Array, inner: number): Uint8Array {
  const blocks = Math.ceil(inner / BLOCK);
  const scales = scalesOf(values, inner);
  const out = new Uint8Array((scales.length * BLOCK) / 2).fill(ZERO | (ZERO << 4));
  values.forEach((value, i) => {
    const row = Math.floor(i / inner);
    const column = i - row * inner;
    const scale = scales[row * blocks + Math.floor(column / BLOCK)]!;
    const step = scale === 0 ? ZERO : Math.min(15, Math.max(0, Math.round(value / scale) + ZERO));
    const place = (row * blocks * BLOCK + column) >> 1;
    out[place] = column % 2 === 0 ? (out[place]! & 0xf0) | step : (out[place]! & 0x0f) | (step << 4);
  });
  return out;
}

/** com.microsoft.MatMulNBits, symmetric. */
function int4MatMul(graph: Graph, x: Value, weight: Weight): Value {
  const [out, inner] = weight.shape as [number, number];
  const blocks = Math.ceil(inner / BLOCK);
  const packed = graph.constant(`${weight.name}:int4`, 'uint8', [out, blocks, BLOCK / 2], {
    length: (out * blocks * BLOCK) / 2,
    bytes: async () => pack(await weight.read(), inner),
  });
  const scales = graph.weight({
    name: `${weight.name}:scale`,
    shape: [out * blocks],
    read: async () => scalesOf(await weight.read(), inner),
  });
  return graph.op('MatMulNBits', [x, packed, scales], {
    domain: MICROSOFT,
    attributes: { K: inner, N: out, bits: 4, block_size: BLOCK },
  });
}

/** Matrices in 4 bits; embeddings and convolutions in 8. */
export const q4 = defineVariant({
  name: 'q4',
  suffix: '_q4',
  leastCosine: 0.98,
  quantized: true,
  matmul: int4MatMul,
  rows: int8Rows,
  kernel: int8Kernel,
});

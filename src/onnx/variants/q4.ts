import type { Graph, Value } from '../graph.ts';
import { MICROSOFT } from '../proto.ts';
import type { Weight } from '../weights.ts';
import { int8Kernel, int8Rows } from './int8.ts';
import { defineVariant } from './variant.ts';

/** Weights that share a scale. */
const BLOCK = 32;
/** The step that stands for zero. */
const ZERO = 8;

/** Blocks of [N, K]: each row begins a new one. */
function* blocksOf(values: Float32Array, inner: number): Generator<Float32Array> {
  for (let row = 0; row < values.length; row += inner)
    for (let at = 0; at < inner; at += BLOCK)
      yield values.subarray(row + at, row + Math.min(at + BLOCK, inner));
}

/** The largest magnitude is -8 steps, since there are 8 below zero and 7 above. */
function scaleOf(block: Float32Array): number {
  let extreme = 0;
  for (let i = 0; i < block.length; i++) if (Math.abs(block[i]!) > Math.abs(extreme)) extreme = block[i]!;
  return extreme / -ZERO;
}

const scalesOf = (values: Float32Array, inner: number) => Float32Array.from(blocksOf(values, inner), scaleOf);

/** Two weights a byte, the first in the low half: [N, blocks, 16]. */
function pack(values: Float32Array, inner: number): Uint8Array {
  const rows = values.length / inner;
  const out = new Uint8Array((rows * Math.ceil(inner / BLOCK) * BLOCK) / 2).fill(ZERO | (ZERO << 4));
  let at = 0;
  for (const block of blocksOf(values, inner)) {
    const scale = Math.fround(scaleOf(block));
    for (let i = 0; i < block.length && scale !== 0; i++) {
      const step = Math.min(15, Math.max(0, Math.round(block[i]! / scale) + ZERO));
      const place = at + (i >> 1);
      out[place] = i % 2 === 0 ? (out[place]! & 0xf0) | step : (out[place]! & 0x0f) | (step << 4);
    }
    at += BLOCK / 2;
  }
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

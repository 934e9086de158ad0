import { full, type Tensor, tensor } from '../../src/torch/index.ts';

/** Float64 numbers that are nothing in particular, the same in every process. */
function numbers(count: number, seed: number): Float64Array {
  return Float64Array.from(
    { length: count },
    (_, i) => Math.sin(1.7 * i + 3.1 * seed) + 0.3 * Math.cos(0.9 * i * seed),
  );
}

/** Rows [from, from + count) of a [rows, width] matrix, as a leaf that wants a gradient. */
export function rowsOf(width: number, { from, count }: { from: number; count: number }): Tensor {
  const values = numbers((from + count) * width, 5).subarray(from * width);
  return tensor(values.slice(), [count, width]).requireGrad();
}

/** A loss of all features: pairs of rows meet, and each row has a weight of its own, so that no gradient is a shared constant. */
export function pairLoss(all: Tensor): Tensor {
  const [rows] = all.shape;
  const weights = tensor(numbers(rows, 2), [rows, 1]);
  return all.matmul(all.t).exp().mul(weights).sum();
}

/** Three parameters of different shapes and what a rank computes from its own rows: the gradients differ by rank. */
export function model(seed: number, device = 'cpu') {
  const leaf = (values: Float64Array, shape: number[]) =>
    tensor(Float32Array.from(values), shape, { device }).requireGrad();
  const params = new Map([
    ['weight', leaf(numbers(12, seed), [4, 3])],
    ['bias', leaf(numbers(3, seed + 1), [3])],
    ['scale', full([], 0.7, { device }).requireGrad()],
  ]);
  const loss = (rank: number, step: number) => {
    const input = tensor(Float32Array.from(numbers(8, 10 * rank + step + 1)), [2, 4], { device });
    const out = input.matmul(params.get('weight')!).add(params.get('bias')!);
    return out.exp().mul(params.get('scale')!).sum();
  };
  return { params, loss };
}

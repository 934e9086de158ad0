import { describe, expect, test } from 'vitest';
import { error, finiteDifferences } from '../../tests/contract/numbers.ts';
import { patchEmbed } from '../../tests/contract/patch-embed.ts';
import {
  autocast,
  backward,
  type DType,
  Generator,
  gradsOf,
  randn,
  scope,
  type Tensor,
  tensor,
} from '../torch/index.ts';
import { bilinearMatrix, lineScaling, patchScalingTensor, scaleKernel } from './patch-scaling.ts';

const LARGER = [
  [16, 20],
  [16, 24],
  [16, 30],
  [16, 40],
  [16, 48],
  [4, 6],
  [4, 8],
  [4, 16],
  [8, 12],
  [8, 16],
  [8, 32],
  [1, 3],
];
const SMALLER = [
  [16, 8],
  [16, 12],
  [8, 4],
];

const random = (shape: number[], seed: number, dtype: DType = 'float64') =>
  randn(shape, new Generator('cpu', seed), dtype);
/** B x for patches [n, C, p, p]: rows, then columns. */
function resize(patches: Tensor, q: number): Tensor {
  const p = patches.shape[2];
  const b = tensor(bilinearMatrix(p, q), [q, p]).to(patches.dtype);
  return b.matmul(patches).matmul(b.t);
}
const scale = (kernel: Tensor, q: number) =>
  scaleKernel(kernel, patchScalingTensor(kernel.shape[2], q, 'cpu'));

describe('bilinearMatrix', () => {
  test('half-pixel samples, by hand', () => {
    expect([...bilinearMatrix(2, 4)]).toEqual([1, 0, 0.75, 0.25, 0.25, 0.75, 0, 1]);
    expect([...bilinearMatrix(4, 2)]).toEqual([0.5, 0.5, 0, 0, 0, 0, 0.5, 0.5]);
    expect([...bilinearMatrix(3, 3)]).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1]);
  });

  test.each([...LARGER, ...SMALLER])('%i to %i keeps constants, and slopes away from the ends', (p, q) => {
    const b = bilinearMatrix(p, q);
    for (let i = 0; i < q; i++) {
      const row = [...b.subarray(i * p, (i + 1) * p)];
      expect(row.reduce((sum, v) => sum + v)).toBeCloseTo(1, 14);
      const at = ((i + 0.5) * p) / q - 0.5;
      if (at > 0 && at < p - 1) expect(row.reduce((sum, v, k) => sum + v * k, 0)).toBeCloseTo(at, 12);
    }
  });
});

describe('PI-resize', () => {
  test.each(LARGER)('%i to %i: <B x, P w> = <x, w>', (p, q) => {
    for (const [dtype, bound] of [
      ['float64', 1e-12],
      ['float32', 1e-6],
    ] as const)
      scope(() => {
        const patches = random([40, 3, p, p], 1, dtype);
        const kernel = random([40, 3, p, p], 2, dtype);
        const product = (a: Tensor, b: Tensor) => a.mul(b).to('float64').sum([1, 2, 3]);
        const expected = product(patches, kernel);
        const scaled = scale(kernel, q);
        expect(scaled.dtype).toBe(dtype);
        const off = product(resize(patches, q), scaled).sub(expected).abs();
        const size = patches
          .mul(patches)
          .sum([1, 2, 3])
          .mul(kernel.mul(kernel).sum([1, 2, 3]))
          .sqrt();
        expect(Math.max(...off.div(size.to('float64')).toNumbers())).toBeLessThan(bound);
      });
  });

  test('its own size is the kernel itself', () => {
    scope(() => {
      const kernel = random([2, 3, 4, 4], 1);
      expect(scale(kernel, 4)).toBe(kernel);
      const identity = lineScaling(4, 4);
      expect([...identity]).toEqual([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
    });
  });

  test.each([...LARGER, ...SMALLER])('%i to %i: (b^T)^+ by the four conditions of Penrose', (p, q) => {
    scope(() => {
      const a = tensor(lineScaling(p, q), [q, p]); // of b^T [p, q]
      const bT = tensor(bilinearMatrix(p, q), [q, p]).t;
      const [left, right] = [bT.matmul(a), a.matmul(bT)];
      for (const [x, y] of [
        [left.matmul(bT), bT],
        [right.matmul(a), a],
        [left, left.t],
        [right, right.t],
      ])
        expect(error(x.toNumbers(), y.toNumbers())).toBeLessThan(1e-12);
    });
  });

  test.each(SMALLER)('%i to %i is least squares only: no kernel does better', (p, q) => {
    scope(() => {
      // Over isotropic x the expected squared difference is |B^T v - w|².
      const kernel = random([1, 1, p, p], 3);
      const loss = (v: Tensor) => {
        const b = tensor(bilinearMatrix(p, q), [q, p]);
        return b.t.matmul(v).matmul(b).sub(kernel).pow(2).sum();
      };
      const best = scale(kernel, q).detach().requireGrad();
      const least = loss(best);
      expect(least.item()).toBeGreaterThan(0.1); // not exact
      backward(least);
      expect(Math.max(...gradsOf([best])[0]!.abs().toNumbers())).toBeLessThan(1e-12);
    });
  });

  test.each([
    [16, 20],
    [16, 48],
    [4, 8],
  ])('%i to %i is patches brought down by B^+ and the kernel as it is (section 1.4)', (p, q) => {
    scope(() => {
      const images = random([2, 3, 2 * q, 3 * q], 4);
      const kernel = random([5, 3, p, p], 5);
      const bias = random([5], 6);
      const scaled = patchEmbed(images, scale(kernel, q), bias);
      const a = tensor(lineScaling(p, q), [q, p]); // b^+ = a^T
      const patches = images.reshape(2, 3, 2, q, 3, q).permute(0, 2, 4, 1, 3, 5);
      const small = a.t.matmul(patches).matmul(a); // [2, 2, 3, 3, p, p]
      const oracle = small.permute(0, 3, 1, 4, 2, 5).reshape(2, 3, 2 * p, 3 * p);
      const expected = patchEmbed(oracle, kernel, bias).toNumbers();
      expect(error(scaled.toNumbers(), expected)).toBeLessThan(1e-12);
    });
  });

  test('the gradient goes to the stored kernel, by finite differences', () => {
    scope(() => {
      const images = random([1, 3, 6, 6], 7);
      const start = random([2, 3, 2, 2], 8);
      const loss = (kernel: Tensor) => patchEmbed(images, scale(kernel, 3), null).pow(3).sum();
      const kernel = start.clone().requireGrad();
      backward(loss(kernel));
      const expected = finiteDifferences(
        (x) => scope(() => loss(tensor(Float64Array.from(x), start.shape)).item()),
        start.toNumbers(),
      );
      expect(error(gradsOf([kernel])[0]!.toNumbers(), expected)).toBeLessThan(1e-8);
    });
  });

  test('autocast does not coarsen it', () => {
    scope(() => {
      const kernel = random([8, 3, 4, 4], 9, 'float32');
      const exact = scale(kernel, 8).toNumbers();
      expect(autocast({ device: 'cpu', dtype: 'bfloat16' }, () => scale(kernel, 8)).toNumbers()).toEqual(
        exact,
      );
    });
  });
});

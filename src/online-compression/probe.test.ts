import { describe, expect, test, vi } from 'vitest';
import { BATCH, batchAt, clock, makeMethod } from '../../tests/contract/method-fixture.ts';
import { dot, error } from '../../tests/contract/numbers.ts';
import { type Compression, keyOf } from '../compress/index.ts';
import type { AdamState } from '../gradient-error/adam-scale.ts';
import { gradientOf, parameterGroups } from '../gradient-error/gradients.ts';
import { type Batch, type Method, methods } from '../methods/index.ts';
import { nothingToAverage } from '../ranks/index.ts';
import type { StepContext } from '../time/clock.ts';
import { Generator, gradsOf, memoryStats, rand, randn, scope, type Tensor, tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import type { Probe } from './averages.ts';
import { takeProbe } from './probe.ts';

const config = (gradAccumSteps = 1) =>
  ({ batch: { globalBatchSize: BATCH, gradAccumSteps }, optimizer: { clipGradNorm: undefined } }) as never;
const partsOf = (method: Method, gradAccumSteps = 1) => ({
  method,
  config: config(gradAccumSteps),
  averager: nothingToAverage,
});
const [whole, half, coarse] = [
  { tokenDropout: 0, patchSize: 8 },
  { tokenDropout: 0.5, patchSize: 8 },
  { tokenDropout: 0, patchSize: 16 },
];

/*
 * l(x; theta) = 1/2 sum_i a_i (theta_i - x_i)^2 with x_i ~ N(mu_i, s_i^2), each dropped with probability d. With k = 1 - d:
 *   gradient  a (theta - mu), bias  a d mu, variance of a sample  sum a_i^2 (k (s_i^2 + mu_i^2) - k^2 mu_i^2).
 */
describe('a quadratic with known errors', () => {
  const WIDTH = 24;
  const SAMPLES = 4;
  const list = (at: (i: number) => number) => Array.from({ length: WIDTH }, (_, i) => at(i));
  const a = list((i) => 2 / (1 + i / 4));
  const start = list((i) => Math.sin(i));
  const mu = list((i) => 0.5 * Math.cos(2 * i));
  const s = list((i) => 1 + (i % 3) / 2);
  const total = (at: (i: number) => number) => list(at).reduce((sum, value) => sum + value, 0);
  const truth = (d: number) => ({
    biasSquared: total((i) => (a[i] * d * mu[i]) ** 2),
    variance: total((i) => a[i] ** 2 * ((1 - d) * (s[i] ** 2 + mu[i] ** 2) - (1 - d) ** 2 * mu[i] ** 2)),
  });
  const row = (values: readonly number[]) => tensor(values).persist();
  const [A, MU, S] = [row(a), row(mu), row(s)];
  const theta = row(start).requireGrad();

  /** Masks are drawn by step. */
  const quadratic = (seed: number) =>
    ({
      params: new Map([['theta', theta]]),
      features: ({ views: [x] }: Batch, { step, compression }: StepContext) => {
        const masks = rand(x.shape, new Generator('cpu', 1_000_000 + 1000 * seed + step));
        const kept = ops.ge_Scalar(masks, compression!.tokenDropout);
        return { rows: theta.sub(x.mul(kept)).pow(2).mul(A) };
      },
      loss: ({ rows }: { rows: Tensor }) => ({
        loss: rows.sum().mul(0.5 / SAMPLES),
        metrics: {},
        next: null,
      }),
    }) as unknown as Method;

  function probeOf(seed: number, compressions: readonly Compression[], adam?: AdamState): Probe {
    return scope(() => {
      const batches = [0, 1].map((i) => {
        const x = randn([SAMPLES, WIDTH], new Generator('cpu', 2 * seed + i))
          .mul(S)
          .add(MU);
        return { views: [x], rows: { first: 0, total: SAMPLES } } as unknown as Batch;
      });
      return takeProbe(partsOf(quadratic(seed)), {
        ...{ compressions, batches: [batches[0], batches[1]], clock: clock(0), device: 'cpu' },
        ...(adam && { adam }),
      });
    });
  }

  test('bias, variance and the squared gradient are those of the truth on average, within their standard errors', () => {
    const SEEDS = 600;
    const dropped = [0, 0.3, 0.7].map((tokenDropout) => ({ tokenDropout, patchSize: 1 }));
    const found = Array.from({ length: SEEDS }, (_, seed) => probeOf(seed, dropped));
    const off = (values: number[], expected: number) => {
      const mean = values.reduce((sum, value) => sum + value, 0) / SEEDS;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (SEEDS - 1);
      return Math.abs(mean - expected) / Math.sqrt(variance / SEEDS);
    };
    for (const compression of dropped)
      for (const what of ['biasSquared', 'variance'] as const) {
        const values = found.map(({ byCompression }) => byCompression[keyOf(compression)][what]);
        if (compression.tokenDropout === 0 && what === 'biasSquared')
          expect(new Set(values)).toEqual(new Set([0]));
        else
          expect(
            off(values, truth(compression.tokenDropout)[what]),
            `${keyOf(compression)} ${what}`,
          ).toBeLessThan(3);
      }
    const squared = total((i) => (a[i] * (start[i] - mu[i])) ** 2);
    expect(
      off(
        found.map(({ gradientSquared }) => gradientSquared),
        squared,
      ),
    ).toBeLessThan(3);
    // The length of one difference would add noise.
    const noise = total((i) => a[i] ** 2 * (0.3 * (s[i] ** 2 + mu[i] ** 2) - (0.3 * mu[i]) ** 2)) / SAMPLES;
    const bias = found.map(({ byCompression }) => byCompression['0.3 1'].biasSquared);
    expect(off(bias, truth(0.3).biasSquared + noise)).toBeGreaterThan(10);
  });

  test("in Adam's scale each coordinate counts by its second moment, and not at all where that is zero", () => {
    const [zero, dropped] = [0, 0.5].map((tokenDropout) => ({ tokenDropout, patchSize: 1 }));
    const inScale = (moments: readonly number[]) =>
      probeOf(1, [zero!, dropped!], {
        eps: 0.25,
        secondMoment: (names) => {
          expect(names).toEqual(['theta']);
          return tensor(moments);
        },
      });
    const [plain, even] = [probeOf(1, [zero!, dropped!]), inScale(list(() => 0.0625))]; // 1 / (0.25 + 0.25) = 2
    const numbers = ({ gradientSquared, byCompression }: Probe) =>
      [gradientSquared, ...Object.values(byCompression).flatMap((point) => Object.values(point))] as number[];
    expect(
      error(
        numbers(even),
        numbers(plain).map((value) => 4 * value),
      ),
    ).toBeLessThan(1e-5);
    const parts = [0, 1].map((odd) => numbers(inScale(list((i) => (i % 2 === odd ? 0.0625 : 0)))));
    expect(
      error(
        parts[0]!.map((value, i) => value + parts[1]![i]!),
        numbers(even),
      ),
    ).toBeLessThan(1e-5);
    expect(numbers(inScale(list(() => 0))).every((value) => value === 0)).toBe(true);
  });

  test('memory does not grow with the number of compressions', () => {
    const counts = [3, 12].map((count) => {
      const compressions = Array.from({ length: count }, (_, i) => ({
        tokenDropout: i / count,
        patchSize: 1,
      }));
      let most = 0;
      const method = quadratic(1);
      const { features } = method;
      vi.spyOn(method, 'features').mockImplementation((batch, at) => {
        most = Math.max(most, memoryStats().liveTensors);
        return features(batch, at);
      });
      scope(() => {
        const batch = { views: [A.reshape(1, WIDTH)], rows: { first: 0, total: 1 } } as unknown as Batch;
        takeProbe(partsOf(method), { compressions, batches: [batch, batch], clock: clock(0), device: 'cpu' });
      });
      return most;
    });
    expect(counts[0]).toBe(counts[1]);
  });
});

describe.each(Object.keys(methods))('%s', (name) => {
  function probed(gradAccumSteps = 1) {
    const method = makeMethod(name);
    const tensors = [...method.model, ...method.state];
    const before = tensors.map(([, value]) => value.toNumbers());
    const take = () =>
      takeProbe(partsOf(method, gradAccumSteps), {
        compressions: [whole, half, coarse],
        batches: [batchAt(0, name), batchAt(1, name)],
        clock: clock(5),
        device: 'cpu',
      });
    scope(take); // makes the tensors that are kept for each patch
    const { liveTensors } = memoryStats();
    const found = scope(take);
    expect(memoryStats().liveTensors).toBe(liveTensors);
    expect(tensors.map(([, value]) => value.toNumbers())).toEqual(before);
    expect(gradsOf([...method.params.values()]).every((grad) => grad === null)).toBe(true);
    return { method, found };
  }

  test('bias and variance are the inner products of the gradients of two steps; nothing moves', () => {
    const { method, found } = probed();
    const { params } = parameterGroups(method, clock(5));
    const gradient = (compression: Compression, i: number) =>
      scope(() => {
        const at = { ...clock(5 + i), compression };
        return gradientOf(partsOf(method), { batch: batchAt(i, name), clock: at }, params).toNumbers();
      });
    const minus = (x: number[], y: number[]) => x.map((value, i) => value - y[i]);
    const [a, b] = [0, 1].map((i) => gradient(whole, i));
    expect(found.gradientSquared / dot(a, b)).toBeCloseTo(1, 4);
    for (const compression of [half, coarse]) {
      const [x, y] = [0, 1].map((i) => gradient(compression, i));
      const { biasSquared, variance } = found.byCompression[keyOf(compression)];
      expect(error([biasSquared], [dot(minus(x, a), minus(y, b))])).toBeLessThan(1e-4);
      expect(error([variance], [(BATCH / 2) * dot(minus(x, y), minus(x, y))])).toBeLessThan(1e-4);
    }
    method.dispose();
  });

  test('parts of a batch give what the whole gives', () => {
    const [one, parts] = [probed(), probed(2)];
    for (const [key, point] of Object.entries(one.found.byCompression))
      expect(error(Object.values(parts.found.byCompression[key]), Object.values(point)), key).toBeLessThan(
        1e-4,
      );
    for (const { method } of [one, parts]) method.dispose();
  });
});

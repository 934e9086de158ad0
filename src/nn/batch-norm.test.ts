import { afterEach, describe, expect, test } from 'vitest';
import {
  backward,
  Generator,
  gradsOf,
  memoryStats,
  randn,
  scope,
  type Tensor,
  tensor,
} from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { BatchNorm, BatchStatistics } from './batch-norm.ts';
import { Init } from './init.ts';

const CHANNELS = 2;
const EPS = 1e-5;
const SHAPE = [3, CHANNELS, 2, 2];
const batch = (seed: number) => randn(SHAPE, new Generator('cpu', seed), 'float64').mul(3).add(1);
const make = () => new BatchNorm(new Init({ seed: 0, dtype: 'float64' }), CHANNELS);

const channel = (x: Tensor, c: number) => x.select(1, c).contiguous().toNumbers();
const meanOf = (values: number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
const spreadOf = (values: number[], divisor = values.length) =>
  values.reduce((sum, v) => sum + (v - meanOf(values)) ** 2, 0) / divisor;
const close = (actual: number[], expected: number[]) =>
  actual.forEach((v, i) => {
    expect(v).toBeCloseTo(expected[i], 12);
  });

describe('BatchNorm', () => {
  const before = memoryStats().liveTensors;
  afterEach(() => {
    expect(memoryStats().liveTensors).toBe(before);
  });

  test('normalises by the batch within BatchStatistics, by the running statistics outside', () => {
    scope(() => {
      const norm = make();
      const x = batch(1);
      norm.runningMean.set_(Float64Array.from([0.5, -1]));
      norm.runningVar.set_(Float64Array.from([4, 0.25]));
      norm.weight!.set_(Float64Array.from([2, 3]));
      norm.bias!.set_(Float64Array.from([1, -1]));
      const affine = (v: number, c: number, mean: number, variance: number) =>
        ((v - mean) / Math.sqrt(variance + EPS)) * [2, 3][c] + [1, -1][c];
      const statistics = new BatchStatistics();
      const inside = statistics.during(() => norm.forward(x));
      for (const c of [0, 1]) {
        const values = channel(x, c);
        const outside = values.map((v) => affine(v, c, [0.5, -1][c], [4, 0.25][c]));
        close(channel(norm.forward(x), c), outside);
        const byBatch = values.map((v) => affine(v, c, meanOf(values), spreadOf(values)));
        close(channel(inside, c), byBatch);
      }
      statistics.commit();
      norm.dispose();
    });
  });

  test('views are normalised each by itself: values, gradients and running statistics of one after the other', () => {
    scope(() => {
      const x = randn([5, 3, CHANNELS], new Generator('cpu', 7), 'float64').mul(2).add(1);
      const pull = randn([5, 3, CHANNELS], new Generator('cpu', 8), 'float64');
      const run = (forward: (norm: BatchNorm, views: Tensor) => Tensor) => {
        const norm = make();
        norm.weight!.set_(Float64Array.from([2, 3]));
        norm.bias!.set_(Float64Array.from([1, -1]));
        const views = x.clone().requireGrad();
        const statistics = new BatchStatistics();
        const inside = statistics.during(() => forward(norm, views));
        backward(inside.mul(pull).sum());
        const grads = gradsOf([views, norm.weight!, norm.bias!]).map((grad) => grad!);
        statistics.commit();
        const moved = [norm.runningMean, norm.runningVar, norm.batchesTracked.to('float64')];
        const numbers = [inside, ...grads, ...moved, forward(norm, views)].map((t) => t.toNumbers());
        norm.dispose();
        return numbers;
      };
      const together = run((norm, views) => norm.forwardViews(views));
      const inTurn = run((norm, views) =>
        ops.stack(
          views.unbind(1).map((view) => norm.forward(view)),
          1,
        ),
      );
      together.forEach((numbers, i) => {
        close(numbers, inTurn[i]);
      });
      expect(together[4]).not.toEqual([0, 0]);
    });
  });

  test('nothing moves before commit(); then a tenth of the batch, whose variance is that of n - 1', () => {
    scope(() => {
      const norm = make();
      const x = batch(2);
      const statistics = new BatchStatistics();
      const out = statistics.during(() => norm.forward(x));
      expect(norm.runningMean.toNumbers()).toEqual([0, 0]);
      expect(norm.batchesTracked.toNumbers()).toEqual([0]);
      backward(out.mul(out).sum());
      expect(gradsOf([norm.weight!, norm.runningMean])[1]).toBeNull();
      statistics.commit();
      const n = SHAPE[0] * SHAPE[2] * SHAPE[3];
      for (const c of [0, 1]) {
        const values = channel(x, c);
        expect(norm.runningMean.toNumbers()[c]).toBeCloseTo(0.1 * meanOf(values), 12);
        expect(norm.runningVar.toNumbers()[c]).toBeCloseTo(0.9 + 0.1 * spreadOf(values, n - 1), 12);
      }
      expect(norm.batchesTracked.toNumbers()).toEqual([1]);
      const moved = norm.runningMean.toNumbers();
      statistics.commit();
      expect(norm.runningMean.toNumbers()).toEqual(moved);
      norm.dispose();
    });
  });

  test('several batches of one step count as their mean, in inner scopes and before one backward too', () => {
    scope(() => {
      const [norm, other] = [make(), make()];
      const statistics = new BatchStatistics();
      const losses = statistics.during(() => {
        scope(() => void other.forward(batch(5))); // seen once, the other twice
        return [3, 4].map((seed) => norm.forward(batch(seed)).pow(3).sum());
      });
      backward(losses[0].add(losses[1]));
      statistics.commit();
      const means = (seed: number) => [0, 1].map((c) => meanOf(channel(batch(seed), c)));
      const expected = means(3).map((mean, c) => (0.1 * (mean + means(4)[c])) / 2);
      close(norm.runningMean.toNumbers(), expected);
      close(
        other.runningMean.toNumbers(),
        means(5).map((mean) => 0.1 * mean),
      );
      expect(norm.batchesTracked.toNumbers()).toEqual([1]);
      norm.dispose();
      other.dispose();
    });
  });

  test('the mode ends with the body, also when it throws', () => {
    scope(() => {
      const norm = make();
      const x = batch(6);
      const outside = norm.forward(x).toNumbers();
      expect(() =>
        new BatchStatistics().during(() => {
          throw new Error('stop');
        }),
      ).toThrow('stop');
      expect(norm.forward(x).toNumbers()).toEqual(outside);
      norm.dispose();
    });
  });

  test('buffers are in the checkpoint, and are no parameters', () => {
    const norm = make();
    expect([...norm.namedParameters().keys()]).toEqual(['weight', 'bias']);
    expect([...norm.namedTensors().keys()]).toEqual([
      'weight',
      'bias',
      'running_mean',
      'running_var',
      'num_batches_tracked',
    ]);
    expect(norm.batchesTracked.dtype).toBe('int64');
    expect(norm.batchesTracked.shape).toEqual([]);
    norm.dispose();
  });

  test('normalises rows [B, C] as pictures of one pixel, with a gain alone or nothing', () => {
    const names = (affine: 'scale' | 'none') => {
      const norm = new BatchNorm(new Init({ seed: 0, dtype: 'float64' }), CHANNELS, { affine });
      const learned = [...norm.namedParameters().keys()];
      scope(() => {
        norm.weight?.set_(Float64Array.from([2, 3]));
        const pixels = batch(7).permute(0, 2, 3, 1).reshape(12, CHANNELS);
        const statistics = new BatchStatistics();
        const [rows, pictures] = statistics.during(() => [
          norm.forward(pixels),
          norm.forward(pixels.view(12, CHANNELS, 1, 1)),
        ]);
        close(rows.toNumbers(), pictures.toNumbers());
        for (const c of [0, 1]) {
          const values = channel(rows, c);
          expect(meanOf(values)).toBeCloseTo(0, 12);
          expect(Math.sqrt(spreadOf(values))).toBeCloseTo(affine === 'scale' ? [2, 3][c] : 1, 5);
        }
        statistics.commit();
      });
      norm.dispose();
      return learned;
    };
    expect(names('scale')).toEqual(['weight']);
    expect(names('none')).toEqual([]);
  });

  test('takes bfloat16 pictures with float32 statistics', () => {
    scope(() => {
      const norm = new BatchNorm(new Init({ seed: 0 }), 1);
      const x = tensor([1, 2, 3, 4], [2, 1, 1, 2]).to('bfloat16');
      const statistics = new BatchStatistics();
      const out = statistics.during(() => norm.forward(x));
      expect(out.dtype).toBe('bfloat16');
      statistics.commit();
      expect(norm.runningMean.toNumbers()[0]).toBeCloseTo(0.25, 5);
      norm.dispose();
    });
  });
});

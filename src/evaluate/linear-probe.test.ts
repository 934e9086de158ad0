import { describe, expect, it } from 'vitest';
import { Init } from '../nn/init.ts';
import { cudaCount, Generator, memoryStats, randn, scope, tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { linearProbe } from './linear-probe.ts';
import type { LabelledRows } from './neighbours.ts';

const [CLASSES, WIDTH] = [3, 4];

/** Class c: a cloud on the c-th axis, `far` standard deviations out. */
function clouds(count: number, { far, seed }: { far: number; seed: number }): LabelledRows {
  const labels = BigInt64Array.from({ length: count }, (_, i) => BigInt(i % CLASSES));
  const centres = tensor(
    Array.from({ length: count * WIDTH }, (_, i) =>
      i % WIDTH === Math.floor(i / WIDTH) % CLASSES ? far : 0,
    ),
    [count, WIDTH],
  );
  return { features: centres.add(randn([count, WIDTH], new Generator('cpu', seed))), labels: tensor(labels) };
}

const rowsOf = ({ features }: LabelledRows) => {
  const numbers = features.toNumbers();
  return Array.from({ length: numbers.length / WIDTH }, (_, i) => numbers.slice(i * WIDTH, (i + 1) * WIDTH));
};

/** Textbook softmax regression in float64; returns the accuracy on `test`. */
function probeByLoop(
  train: LabelledRows,
  test: LabelledRows,
  { epochs, batch, rate, seed }: { epochs: number; batch: number; rate: number; seed: number },
) {
  const [x, y] = [rowsOf(train), train.labels.toNumbers()];
  const start = new Init({ seed }).normal([CLASSES, WIDTH], 0.01).toNumbers();
  const weight = Array.from({ length: CLASSES }, (_, c) => [...start.slice(c * WIDTH, (c + 1) * WIDTH), 0]);
  const momentum = weight.map((row) => row.map(() => 0));
  const scores = (row: number[]) => weight.map((w) => [...row, 1].reduce((sum, v, d) => sum + v * w[d], 0));
  const draw = new Generator('cpu', seed);
  const total = epochs * Math.ceil(x.length / batch);
  let step = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = ops.randperm_generator(x.length, draw, 'int64').toNumbers();
    for (let first = 0; first < x.length; first += batch, step++) {
      const at = order.slice(first, first + batch);
      const gradient = weight.map((row) => row.map(() => 0));
      for (const i of at) {
        const exps = scores(x[i]).map(Math.exp);
        const sum = exps.reduce((a, b) => a + b);
        exps.forEach((e, c) => {
          const error = (e / sum - (c === y[i] ? 1 : 0)) / at.length;
          [...x[i], 1].forEach((v, d) => {
            gradient[c][d] += error * v;
          });
        });
      }
      const lr = rate * 0.5 * (1 + Math.cos((Math.PI * step) / total));
      weight.forEach((row, c) => {
        row.forEach((_, d) => {
          momentum[c][d] = 0.9 * momentum[c][d] + gradient[c][d];
          row[d] -= lr * momentum[c][d];
        });
      });
    }
  }
  const of = test.labels.toNumbers();
  const right = rowsOf(test).filter((row, i) => {
    const found = scores(row);
    return found.indexOf(Math.max(...found)) === of[i];
  });
  return right.length / of.length;
}

describe.each(cudaCount() > 0 ? ['cpu', 'cuda'] : ['cpu'])('on %s', (device) => {
  // @proves linearProbe
  it.each([0.01, 0.5])('at one rate (%d) it is the textbook loop', (rate) => {
    scope(() => {
      const train = clouds(200, { far: 1, seed: 1 });
      const test = clouds(997, { far: 1, seed: 2 });
      const moved = ({ features, labels }: LabelledRows) => ({
        features: features.toDevice(device),
        labels: labels.toDevice(device),
      });
      const found = linearProbe(moved(train), moved(test), {
        classes: CLASSES,
        epochs: 5,
        rates: [rate],
        globalBatchSize: 64, // 200 = 3 * 64 + 8
        standardize: false,
        seed: 5,
      });
      const expected = probeByLoop(train, test, { epochs: 5, batch: 64, rate, seed: 5 });
      expect(expected).toBeLessThan(0.95);
      expect(found.top1).toBeCloseTo(expected, 6);
    });
  });
});

it('classes that a plane separates are told apart, wherever and however small they are', () => {
  scope(() => {
    const shift = ({ features, labels }: LabelledRows) => ({ features: features.mul(1e-3).add(0.1), labels });
    const train = shift(clouds(300, { far: 30, seed: 1 }));
    const test = shift(clouds(90, { far: 30, seed: 2 }));
    const report = linearProbe(train, test, { classes: CLASSES, epochs: 20 });
    expect(report).toMatchObject({ pictures: 90, classes: 3, epochs: 20, top1: 1, top5: 1 });
    expect(report.sweep).toHaveLength(8);
  });
});

// @proves linearProbe
it('the rate is chosen by held-out training features: one that learns nothing is not', () => {
  scope(() => {
    const [train, test] = [clouds(300, { far: 2, seed: 1 }), clouds(300, { far: 2, seed: 2 })];
    const options = { classes: CLASSES, epochs: 20, rates: [1e-9, 0.1], seed: 3 };
    const report = linearProbe(train, test, options);
    expect(report.rate).toBe(0.1);
    expect(report.sweep.map(({ rate }) => rate)).toEqual([1e-9, 0.1]);
    expect(report.sweep[1].top1).toBeGreaterThan(report.sweep[0].top1);
    // Chosen on held-out rows, then trained on all.
    expect(report.top1).toBe(linearProbe(train, test, { ...options, rates: [0.1] }).top1);
    const wrong = { ...test, labels: test.labels.add(1).eq(3).logicalNot().to('int64') };
    expect(linearProbe(train, wrong, options).sweep).toEqual(report.sweep);
  });
});

it('a seed gives the same report, another one another order, and no tensor stays', () => {
  const before = memoryStats().liveTensors;
  scope(() => {
    const [train, test] = [clouds(100, { far: 1, seed: 1 }), clouds(500, { far: 1, seed: 2 })];
    const run = (seed: number) =>
      linearProbe(train, test, { classes: CLASSES, epochs: 3, globalBatchSize: 8, seed });
    expect(run(1)).toEqual(run(1));
    expect(run(2)).not.toEqual(run(1));
  });
  expect(memoryStats().liveTensors).toBe(before);
});

it('features that are all the same have the accuracy of chance', () => {
  scope(() => {
    const { labels } = clouds(300, { far: 1, seed: 1 });
    const same = { features: randn([1, WIDTH], new Generator('cpu', 1)).expand(300, WIDTH), labels };
    const report = linearProbe(same, same, { classes: CLASSES, epochs: 2, rates: [0.1] });
    expect(report.top1).toBeCloseTo(1 / 3, 5);
  });
});

it('training rows that are not finite are left out, and such test rows are misses', () => {
  scope(() => {
    const [train, test] = [clouds(60, { far: 30, seed: 1 }), clouds(30, { far: 30, seed: 2 })];
    const broken = ({ features, labels }: LabelledRows, rows: number) => {
      const bad = features.clone();
      bad.narrow(0, 0, rows).mul_(Number.NaN);
      return { features: bad, labels };
    };
    const options = { classes: CLASSES, epochs: 20, rates: [0.1] };
    const kept = { features: train.features.narrow(0, 6, 54), labels: train.labels.narrow(0, 6, 54) };
    expect(linearProbe(broken(train, 6), test, options)).toEqual(linearProbe(kept, test, options));
    expect(linearProbe(train, broken(test, 6), options).top1).toBeCloseTo(24 / 30, 9);
    expect(linearProbe(broken(train, 60), test, options)).toMatchObject({ top1: 0, top5: 0 });
  });
});

it('a class without training rows is never right, as in the loop', () => {
  scope(() => {
    const all = clouds(200, { far: 1, seed: 1 });
    const rows = all.labels.toNumbers().flatMap((label, row) => (label < 2 ? [BigInt(row)] : []));
    const indices = tensor(BigInt64Array.from(rows));
    const train = {
      features: all.features.indexSelect(0, indices),
      labels: all.labels.indexSelect(0, indices),
    };
    const test = clouds(300, { far: 1, seed: 2 });
    const found = linearProbe(train, test, {
      classes: CLASSES,
      epochs: 20,
      rates: [0.5],
      globalBatchSize: 64,
      standardize: false,
      seed: 5,
    });
    expect(found.top1).toBeCloseTo(
      probeByLoop(train, test, { epochs: 20, batch: 64, rate: 0.5, seed: 5 }),
      6,
    );
    expect(found.top1).toBeLessThanOrEqual(2 / 3);
  });
});

// What of recorded steps needs no GPU: here a record runs once, at its making, and its replays do nothing. src/torch/graph.test.ts
// has the replays, on CUDA.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { batchAt, clock, makeMethod } from '../../../tests/contract/method-fixture.ts';

import { error } from '../../../tests/contract/numbers.ts';
import type { Method } from '../../methods/index.ts';
import { BatchStatistics } from '../../nn/batch-norm.ts';
import { takeProbe } from '../../online-compression/probe.ts';
import { nothingToAverage } from '../../ranks/index.ts';
import type { Clock } from '../../time/schedules.ts';
import {
  backward,
  clearGrads,
  Graph,
  gradsOf,
  memoryStats,
  noGrad,
  scope,
  type Tensor,
  tensorsIn,
} from '../../torch/index.ts';
import { RecordedFeatures } from './step-graphs.ts';

const NAME = 'simclr';
const at = (step: number, tokenDropout = 0.5): Clock => ({
  ...clock(step),
  compression: { tokenDropout, patchSize: 8 },
});

let made = 0;
let disposed = 0;
beforeEach(() => {
  [made, disposed] = [0, 0];
  vi.spyOn(Graph, 'onRecorder').mockImplementation((body) => body());
  vi.spyOn(Graph, 'record').mockImplementation((body) => {
    made++;
    const graph = { replay: () => {}, dispose: () => void disposed++ } as unknown as Graph;
    return { graph, result: scope(body) };
  });
});
afterEach(() => vi.restoreAllMocks());

test('the features are those of the step op by op, from tensors that outlive it', () => {
  const method = makeMethod(NAME);
  const recorded = new RecordedFeatures(method);
  const found = scope(() => recorded.run(batchAt(2, NAME), at(2))!); // the batch is gone after this
  expect(found.learned).toEqual(['views']);
  scope(() => {
    const expected = noGrad(() => method.features(batchAt(2, NAME), at(2)));
    expect(found.features.views.toNumbers()).toEqual(expected.views.toNumbers());
    const other = noGrad(() => method.features(batchAt(2, NAME), at(3))); // other masks
    expect(found.features.views.toNumbers()).not.toEqual(other.views.toNumbers());
  });
  recorded.dispose();
  method.dispose();
});

test('backward() leaves a gradient with each parameter of the features, and none with those of the loss', () => {
  const method = makeMethod(NAME);
  const recorded = new RecordedFeatures(method);
  scope(() => {
    const { features, backward } = recorded.run(batchAt(0, NAME), at(0))!;
    backward({ views: features.views });
    const names = [...method.params.keys()];
    const grads = gradsOf([...method.params.values()]);
    const without = names.filter((_, i) => grads[i] === null);
    expect(without.length).toBeGreaterThan(0);
    expect(without).toEqual(names.filter((name) => name.startsWith('projector.')));
    clearGrads([...method.params.values()]);
  });
  recorded.dispose();
  method.dispose();
});

test('one record for each kind of batch: sizes and compression make another, the step does not', () => {
  const method = makeMethod(NAME);
  const recorded = new RecordedFeatures(method);
  const recordsAfter = (size: number, clock: Clock) => {
    scope(() => recorded.run(batchAt(clock.step, NAME, { size }), clock));
    return made / 2; // forward and backward
  };
  expect(recordsAfter(6, at(0))).toBe(1);
  expect(recordsAfter(6, at(1))).toBe(1);
  expect(recordsAfter(4, at(1))).toBe(2);
  expect(recordsAfter(6, at(2, 0.25))).toBe(3);
  expect(recordsAfter(6, at(3))).toBe(3);
  recorded.dispose();
  method.dispose();
});

test('beyond 24 kinds a batch is left to the step op by op; those recorded go on being served', () => {
  const method = makeMethod(NAME);
  const recorded = new RecordedFeatures(method);
  const isServed = (size: number) =>
    scope(() => recorded.run(batchAt(0, NAME, { size }), at(0)) !== undefined);
  const served = Array.from({ length: 26 }, (_, i) => isServed(i + 2));
  expect(served).toEqual([...Array(24).fill(true), false, false]);
  expect(isServed(2)).toBe(true);
  recorded.dispose();
  method.dispose();
});

test('replay() serves what was recorded, and records nothing: a probe leaves no records behind', () => {
  const method = makeMethod(NAME);
  const recorded = new RecordedFeatures(method);
  scope(() => {
    expect(recorded.replay(batchAt(0, NAME), at(0))).toBeUndefined();
    expect(made).toBe(0);
    const found = recorded.run(batchAt(0, NAME), at(0))!;
    expect(recorded.replay(batchAt(0, NAME), at(0))!.features).toBe(found.features);
    const compressions = [0, 0.5, 0.75].map((tokenDropout) => ({ tokenDropout, patchSize: 8 }));
    const replayed = vi.spyOn(recorded, 'replay');
    const config = { batch: { gradAccumSteps: 1 } } as never;
    const batches = [batchAt(0, NAME), batchAt(1, NAME)] as const;
    const context = { compressions, batches, clock: clock(0), device: 'cpu' };
    takeProbe({ method, config, averager: nothingToAverage, recorded }, context);
    expect(replayed.mock.results.map(({ value }) => value !== undefined)).toEqual([
      ...[false, false],
      ...[true, true],
      ...[false, false],
    ]);
    expect(made).toBe(2); // forward and backward of the one
  });
  recorded.dispose();
  method.dispose();
});

test('dispose() frees every tensor and record; after it records are made again', () => {
  const method = makeMethod(NAME);
  const recorded = new RecordedFeatures(method);
  const before = memoryStats().liveTensors;
  for (const round of [1, 2]) {
    scope(() => recorded.run(batchAt(0, NAME), at(0)));
    scope(() => recorded.run(batchAt(0, NAME, { size: 4 }), at(0)));
    expect(memoryStats().liveTensors).toBeGreaterThan(before);
    recorded.dispose();
    expect(memoryStats().liveTensors, `round ${round}`).toBe(before);
    expect([made, disposed]).toEqual([4 * round, 4 * round]);
  }
  method.dispose();
});

describe('the loss of steps whose metrics nobody reads', () => {
  const quiet = (step: number): Clock => ({ ...at(step), wanted: false });

  test.for(['simclr', 'moco-v3', 'dino', 'clip', 'siglip', 'fastclip'])(
    '%s: recorded when its key comes again, with the gradients of the step op by op',
    (name) => {
      const [method, eager] = [makeMethod(name), makeMethod(name)];
      const recorded = new RecordedFeatures(method, { contextLength: 6 });
      const params = [...method.params.values()];
      const gradients = (of: readonly Tensor[]) => gradsOf(of).map((grad) => grad?.toNumbers() ?? null);
      scope(() => {
        expect(recorded.run(batchAt(2, name), quiet(2))!.loss).toBeUndefined();
        expect(recorded.run(batchAt(2, name), at(2))!.loss).toBeUndefined(); // its metrics are wanted
        const { loss } = recorded.run(batchAt(2, name), quiet(2))!;
        const next = loss!.backward();
        const { loss: expected, next: other } = new BatchStatistics().during(() =>
          eager.loss(eager.features(batchAt(2, name), quiet(2)), batchAt(2, name).ids, quiet(2)),
        );
        backward(expected);
        // The features' own backward pass is replayed too, which does nothing here.
        const names = [...method.params.keys()];
        const ofLoss = names.flatMap((title, i) => (/head|projector|predictor|logit/.test(title) ? [i] : []));
        const [found, wanted] = [gradients(params), gradients([...eager.params.values()])];
        for (const i of ofLoss) expect(error(found[i]!, wanted[i]!), names[i]).toBeLessThan(1e-6);
        expect(ofLoss.length > 0).toBe(name !== 'fastclip'); // whose temperature has a rule of its own
        const numbers = (value: unknown) => tensorsIn(value).flatMap((tensor) => tensor.toNumbers());
        expect(error([0, ...numbers(next)], [0, ...numbers(other)])).toBeLessThan(1e-6);
      });
      recorded.dispose();
      for (const each of [method, eager]) each.dispose();
    },
  );

  test('another key is another record, and the one before is given up', () => {
    const method = makeMethod('dino');
    const recorded = new RecordedFeatures(method);
    const keys = ['a', 'a', 'b', 'b', 'a'];
    let step = 0;
    vi.spyOn(method as Required<Method>, 'lossKey').mockImplementation(() => keys[step]);
    const found = keys.map((_, i) =>
      scope(() => {
        step = i;
        return recorded.run(batchAt(0, 'dino'), quiet(0))!.loss !== undefined;
      }),
    );
    expect(found).toEqual([false, true, false, true, false]);
    expect(made).toBe(2 + 2); // features forward and backward, and two losses
    recorded.dispose();
    expect(disposed).toBe(made);
    method.dispose();
  });
});

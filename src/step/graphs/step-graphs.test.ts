// Captured steps without a GPU: a graph runs once, at its capture, and its replays do nothing. src/torch/graph.test.ts replays on CUDA.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { batchAt, clock, makeMethod } from '../../../tests/contract/method-fixture.ts';

import { error } from '../../../tests/contract/numbers.ts';
import { type Method, methods } from '../../methods/index.ts';
import { frozenNames } from '../../models/freeze.ts';
import type { AnyModelSpec } from '../../models/registry.ts';
import { BatchStatistics } from '../../nn/batch-norm.ts';
import { takeProbe } from '../../online-compression/probe.ts';
import { nothingToAverage } from '../../ranks/index.ts';
import type { StepContext } from '../../time/clock.ts';
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
import { StepGraphs } from './step-graphs.ts';

const NAME = 'simclr';
const at = (step: number, tokenDropout = 0.5): StepContext => ({
  ...clock(step),
  compression: { tokenDropout, patchSize: 8 },
});

let made = 0;
let disposed = 0;
beforeEach(() => {
  [made, disposed] = [0, 0];
  vi.spyOn(Graph, 'onCaptureStream').mockImplementation((body) => body());
  vi.spyOn(Graph, 'capture').mockImplementation((body) => {
    made++;
    const graph = { replay: () => {}, dispose: () => void disposed++ } as unknown as Graph;
    return { graph, result: scope(body) };
  });
});
afterEach(() => vi.restoreAllMocks());

test('the features are those of the step op by op, from tensors that outlive it', () => {
  const method = makeMethod(NAME);
  const graphs = new StepGraphs(method);
  const found = scope(() => graphs.run(batchAt(2, NAME), at(2), { loss: false })!); // the batch is gone after this
  expect(found.learned).toEqual(['views']);
  scope(() => {
    const expected = noGrad(() => method.features(batchAt(2, NAME), at(2)));
    expect(found.features.views.toNumbers()).toEqual(expected.views.toNumbers());
    const other = noGrad(() => method.features(batchAt(2, NAME), at(3))); // other masks
    expect(found.features.views.toNumbers()).not.toEqual(other.views.toNumbers());
  });
  graphs.dispose();
  method.dispose();
});

test('backward() leaves a gradient with each parameter of the features, and none with those of the loss', () => {
  const method = makeMethod(NAME);
  const graphs = new StepGraphs(method);
  scope(() => {
    const { features, backward } = graphs.run(batchAt(0, NAME), at(0), { loss: false })!;
    backward({ views: features.views });
    const names = [...method.params.keys()];
    const grads = gradsOf([...method.params.values()]);
    const without = names.filter((_, i) => grads[i] === null);
    expect(without.length).toBeGreaterThan(0);
    expect(without).toEqual(names.filter((name) => name.startsWith('projector.')));
    clearGrads([...method.params.values()]);
  });
  graphs.dispose();
  method.dispose();
});

test('a frozen tower has no gradient to capture, and the other learns', () => {
  const method = makeMethod('clip');
  const model = { image: { layers: 1 }, text: { layers: 1 } } as AnyModelSpec;
  method.freeze(frozenNames(method.params.keys(), { freeze: { image: 'all', text: 0 }, model }));
  const graphs = new StepGraphs(method, { contextLength: 6 });
  scope(() => {
    const found = graphs.run(batchAt(0, 'clip'), at(0), { loss: false })!;
    expect(found.learned).toEqual(['text']);
    found.backward({ text: found.features.text });
    const grads = gradsOf([...method.params.values()]);
    const without = [...method.params.keys()].filter((_, i) => grads[i] === null);
    expect(without).toEqual(['logit_scale']);
    clearGrads([...method.params.values()]);
  });
  graphs.dispose();
  method.dispose();
});

test('one capture for each shape of batch: sizes and compression make another, the step does not', () => {
  const method = makeMethod(NAME);
  const graphs = new StepGraphs(method);
  const capturesAfter = (size: number, clock: StepContext) => {
    scope(() => graphs.run(batchAt(clock.step, NAME, { size }), clock, { loss: false }));
    return made / 2; // forward and backward
  };
  expect(capturesAfter(6, at(0))).toBe(1);
  expect(capturesAfter(6, at(1))).toBe(1);
  expect(capturesAfter(4, at(1))).toBe(2);
  expect(capturesAfter(6, at(2, 0.25))).toBe(3);
  expect(capturesAfter(6, at(3))).toBe(3);
  graphs.dispose();
  method.dispose();
});

test('beyond 24 shapes a batch runs op by op; captured ones are still replayed', () => {
  const method = makeMethod(NAME);
  const graphs = new StepGraphs(method);
  const isReplayed = (size: number) =>
    scope(() => graphs.run(batchAt(0, NAME, { size }), at(0), { loss: false }) !== undefined);
  const replayed = Array.from({ length: 26 }, (_, i) => isReplayed(i + 2));
  expect(replayed).toEqual([...Array(24).fill(true), false, false]);
  expect(isReplayed(2)).toBe(true);
  graphs.dispose();
  method.dispose();
});

test('replay() captures nothing: a probe leaves no graphs behind', () => {
  const method = makeMethod(NAME);
  const graphs = new StepGraphs(method);
  scope(() => {
    expect(graphs.replay(batchAt(0, NAME), at(0), { loss: false })).toBeUndefined();
    expect(made).toBe(0);
    const found = graphs.run(batchAt(0, NAME), at(0), { loss: false })!;
    expect(graphs.replay(batchAt(0, NAME), at(0), { loss: false })!.features).toBe(found.features);
    const compressions = [0, 0.5, 0.75].map((tokenDropout) => ({ tokenDropout, patchSize: 8 }));
    const replayed = vi.spyOn(graphs, 'replay');
    const config = { batch: { gradAccumSteps: 1 } } as never;
    const batches = [batchAt(0, NAME), batchAt(1, NAME)] as const;
    const context = { compressions, batches, clock: clock(0), device: 'cpu' };
    takeProbe({ method, config, averager: nothingToAverage, graphs }, context);
    expect(replayed.mock.results.map(({ value }) => value !== undefined)).toEqual([
      ...[false, false],
      ...[true, true],
      ...[false, false],
    ]);
    expect(made).toBe(2); // forward and backward of the one
  });
  graphs.dispose();
  method.dispose();
});

test('dispose() frees every tensor and graph; after it shapes are captured again', () => {
  const method = makeMethod(NAME);
  const graphs = new StepGraphs(method);
  const before = memoryStats().liveTensors;
  for (const round of [1, 2]) {
    scope(() => graphs.run(batchAt(0, NAME), at(0), { loss: false }));
    scope(() => graphs.run(batchAt(0, NAME, { size: 4 }), at(0), { loss: false }));
    expect(memoryStats().liveTensors).toBeGreaterThan(before);
    graphs.dispose();
    expect(memoryStats().liveTensors, `round ${round}`).toBe(before);
    expect([made, disposed]).toEqual([4 * round, 4 * round]);
  }
  method.dispose();
});

describe('the loss of steps that are not logged', () => {
  test.for(Object.keys(methods))(
    '%s: captured when its key comes again, with the gradients of the step op by op',
    (name) => {
      const [method, eager] = [makeMethod(name), makeMethod(name)];
      const graphs = new StepGraphs(method, { contextLength: 6 });
      const params = [...method.params.values()];
      const gradients = (of: readonly Tensor[]) => gradsOf(of).map((grad) => grad?.toNumbers() ?? null);
      scope(() => {
        expect(graphs.run(batchAt(2, name), at(2), { loss: true })!.loss).toBeUndefined();
        expect(graphs.run(batchAt(2, name), at(2), { loss: false })!.loss).toBeUndefined(); // its metrics are read
        const { loss } = graphs.run(batchAt(2, name), at(2), { loss: true })!;
        const next = loss!.backward();
        const { loss: expected, next: other } = new BatchStatistics().during(() =>
          eager.loss(eager.features(batchAt(2, name), at(2)), batchAt(2, name).ids, at(2)),
        );
        backward(expected);
        // The features' own backward pass is replayed too, which does nothing here.
        const names = [...method.params.keys()];
        const ofLoss = names.flatMap((title, i) => (/head|projector|predictor|logit/.test(title) ? [i] : []));
        const [found, wanted] = [gradients(params), gradients([...eager.params.values()])];
        for (const i of ofLoss) expect(error(found[i]!, wanted[i]!), names[i]).toBeLessThan(1e-6);
        // A temperature with a rule of its own is no parameter of the optimizer.
        const ownRule = method.model.has('logit_scale') && !method.params.has('logit_scale');
        expect(ofLoss.length > 0).toBe(!ownRule);
        const numbers = (value: unknown) => tensorsIn(value).flatMap((tensor) => tensor.toNumbers());
        expect(error([0, ...numbers(next)], [0, ...numbers(other)])).toBeLessThan(1e-6);
      });
      graphs.dispose();
      for (const each of [method, eager]) each.dispose();
    },
  );

  test('another key is another graph, and the one before is freed', () => {
    const method = makeMethod('dino');
    const graphs = new StepGraphs(method);
    const keys = ['a', 'a', 'b', 'b', 'a'];
    let step = 0;
    vi.spyOn(method as Required<Method>, 'lossKey').mockImplementation(() => keys[step]);
    const found = keys.map((_, i) =>
      scope(() => {
        step = i;
        return graphs.run(batchAt(0, 'dino'), at(0), { loss: true })!.loss !== undefined;
      }),
    );
    expect(found).toEqual([false, true, false, true, false]);
    expect(made).toBe(2 + 2); // features forward and backward, and two losses
    graphs.dispose();
    expect(disposed).toBe(made);
    method.dispose();
  });
});

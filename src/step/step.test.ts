import { describe, expect, test, vi } from 'vitest';
import { batchAt, clock, makeMethod } from '../../tests/contract/method-fixture.ts';
import { error } from '../../tests/contract/numbers.ts';
import { methods } from '../methods/index.ts';
import type { Optimizer } from '../optim/index.ts';
import { alone, nothingToAverage } from '../ranks/index.ts';
import { clearGrads, gradsOf, scope } from '../torch/index.ts';
import { trainStep } from './step.ts';

/** The gradients of one step of a new method, cut into parts, and what it says. */
function gradients(name: string, gradAccumSteps: number) {
  const method = makeMethod(name);
  const params = [...method.params.values()];
  const found: number[] = [];
  const optimizer = {
    step: () => {
      for (const grad of gradsOf(params)) found.push(...(grad?.toNumbers() ?? [])); // frozen ones have none
      clearGrads(params);
    },
  } as unknown as Optimizer;
  const config = {
    batch: { globalBatchSize: 6, gradAccumSteps },
    optimizer: { clipGradNorm: undefined },
  } as never;
  const metrics = scope(() =>
    trainStep(
      { method, optimizer, config, averager: nothingToAverage, ranks: alone },
      batchAt(0, name),
      clock(0),
      { log: true },
    ),
  );
  method.dispose();
  return { found, metrics: metrics! };
}

describe.each(Object.keys(methods))('%s', (name) => {
  // @proves trainStep
  test.each([2, 3, 6])('%i parts of a batch give the gradients and metrics of the whole', (count) => {
    const whole = gradients(name, 1);
    const parts = gradients(name, count);
    expect(error(parts.found, whole.found)).toBeLessThan(2e-6); // float32: sums in another order
    for (const [key, value] of Object.entries(whole.metrics))
      expect(parts.metrics[key], key).toBeCloseTo(value, 5);
  });
});

test('a step that is not logged computes no metrics', () => {
  const method = makeMethod('clip');
  const metrics = vi.fn(() => ({}));
  const loss = method.loss.bind(method);
  vi.spyOn(method, 'loss').mockImplementation((...given) => ({ ...loss(...given), metrics }));
  const config = { batch: { globalBatchSize: 6, gradAccumSteps: 1 }, optimizer: {} } as never;
  const optimizer = { step: () => clearGrads([...method.params.values()]) } as unknown as Optimizer;
  const parts = { method, optimizer, config, averager: nothingToAverage, ranks: alone };
  scope(() => {
    expect(trainStep(parts, batchAt(0, 'clip'), clock(0), { log: false })).toBeUndefined();
  });
  expect(metrics).not.toHaveBeenCalled();
  method.dispose();
});

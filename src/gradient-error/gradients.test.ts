import { afterAll, describe, expect, it } from 'vitest';
import { batchAt, clock, makeMethod } from '../../tests/contract/method-fixture.ts';
import { type Method, methods } from '../methods/index.ts';
import { BatchStatistics } from '../nn/batch-norm.ts';
import { nothingToAverage } from '../ranks/index.ts';
import { backward, clearGrads, gradsOf, memoryStats, scope } from '../torch/index.ts';
import { gradientOf, parameterGroups } from './gradients.ts';

const names = Object.keys(methods);
const AT = 3;
const partsOf = (method: Method) => ({
  method,
  config: { batch: { gradAccumSteps: 1 } } as never,
  averager: nothingToAverage,
});

describe.each(names)('%s', (name) => {
  const method = makeMethod(name);
  afterAll(() => method.dispose());
  const at = clock(AT);
  const { params, segments, groups } = parameterGroups(method, at);
  const found = () =>
    scope(() => gradientOf(partsOf(method), { batch: batchAt(AT, name), clock: at }, params).toNumbers());

  // @proves gradientOf
  it('gives the gradient that backward() leaves in a training step', () => {
    const expected = scope(() => {
      const batch = batchAt(AT, name);
      const statistics = new BatchStatistics();
      const { loss } = statistics.during(() => method.loss(method.features(batch, at), batch.ids, at));
      backward(loss);
      const grads = gradsOf(params).flatMap((grad, i) => grad?.toNumbers() ?? Array(params[i].size).fill(0));
      statistics.forget();
      return grads;
    });
    clearGrads([...method.params.values()]);
    const gradient = found();
    expect(gradient.length).toBe(segments.reduce((sum, length) => sum + length, 0));
    expect(gradient.some((value) => value !== 0)).toBe(true);
    gradient.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i], 6);
    });
  });

  // @proves gradientOf
  it('moves nothing: no weight, no state, no gradient of a leaf, and no tensor stays', () => {
    const contents = () =>
      [...method.model, ...method.state, ...tables()].map(([key, tensor]) => [key, tensor.toNumbers()]);
    const tables = () =>
      [...(method.tables ?? [])].map(([key, table]) => [key, table.live.visited.to('uint8')] as const);
    const before = scope(contents);
    const { liveTensors } = memoryStats();
    found();
    expect(memoryStats().liveTensors).toBe(liveTensors);
    expect(scope(contents)).toEqual(before);
    expect(gradsOf(params).every((grad) => grad === null)).toBe(true);
  });

  it('the image tower is a part of the whole model', () => {
    expect(groups.all).toEqual(segments.map((_, i) => i));
    const tower = [...method.params].filter(
      ([key, { requiresGrad }]) => requiresGrad && /^(visual|backbone)\./.test(key),
    );
    expect(segments[0]).toBe(tower.reduce((sum, [, { size }]) => sum + size, 0));
  });
});

it('what a method freezes now is left out', () => {
  const method = makeMethod('clip');
  const [first, second] = method.params.keys();
  const frozen = {
    ...method,
    params: method.params,
    frozen: () => new Set([first, second]),
  } as typeof method;
  expect(parameterGroups(frozen, clock(0)).params.length).toBe(
    parameterGroups(method, clock(0)).params.length - 2,
  );
  method.dispose();
});

import { expect, test } from 'vitest';
import { batchAt, clock, lossOf, makeMethod } from '../../tests/contract/method-fixture.ts';
import { backward, gradsOf, scope } from '../torch/index.ts';

test.each([
  { start: 10, end: Math.log(100) }, // open_clip's bound: at most 100
  { start: -1, end: 0 },
  { start: 2.5, end: 2.5 },
])('commit() keeps log(logit scale) $start within 0 and ln 100', ({ start, end }) => {
  const method = makeMethod('clip');
  const theta = method.model.get('logit_scale')!;
  scope(() => {
    const { next } = lossOf(method, batchAt(0, 'clip'), clock(0));
    theta.set_(Float32Array.of(start));
    method.commit(next, clock(0));
    expect(theta.item()).toBeCloseTo(end, 5);
    expect(theta.requiresGrad).toBe(true);
  });
  method.dispose();
});

test('the optimizer moves the temperature, and the metrics tell it', () => {
  const method = makeMethod('clip', { options: { temperature: 0.1 } });
  expect(method.params.get('logit_scale')).toBe(method.model.get('logit_scale'));
  scope(() => {
    const { loss, metrics } = lossOf(method, batchAt(0, 'clip'), clock(0));
    expect(metrics.logit_scale.item()).toBeCloseTo(10, 4);
    expect(metrics.loss.item()).toBe(loss.item());
    backward(loss);
    expect(gradsOf([method.params.get('logit_scale')!])[0]!.item()).not.toBe(0);
  });
  method.dispose();
});

import { expect, test } from 'vitest';
import { countLaunches } from './counting.ts';
import { backward } from './grad.ts';
import * as ops from './ops.ts';
import { scope } from './scope.ts';
import { ones } from './tensor.ts';

test('counts kernels: not views, what an op is made of in its place, and those of backward passes', () => {
  scope(() => {
    const x = ones([2, 3]).requireGrad();
    const { result: y, launches } = countLaunches(() => x.t.mul(2).add(x.t));
    expect(Object.fromEntries(launches)).toEqual({ 'aten::mul': 1, 'aten::add': 1 });
    const sum = y.sum();
    const back = countLaunches(() => backward(sum)).launches;
    expect(back.get('aten::mul')).toBe(1);
    const inner = countLaunches(() => ops.logsumexp(x, [1])).launches;
    expect(inner.has('aten::logsumexp')).toBe(false);
    expect(inner.get('aten::log_')).toBe(1);
    const lists = countLaunches(() => ops._foreach_mul_Scalar([x, y], 2)).launches;
    expect(Object.fromEntries(lists)).toEqual({ 'aten::_foreach_mul': 1 });
  });
});

test('an error ends the counting', () => {
  expect(() =>
    countLaunches(() => {
      throw new Error('no');
    }),
  ).toThrow('no');
  expect(countLaunches(() => 3)).toEqual({ result: 3, launches: new Map() });
});

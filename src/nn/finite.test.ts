import { expect, test } from 'vitest';
import { scope, tensor } from '../torch/index.ts';
import { finiteRows, weightNotFinite } from './finite.ts';

test('a row with NaN or an infinity is not finite', () => {
  scope(() => {
    const x = tensor(
      [1, 2, Number.NaN, 0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1, 3e38, 3e38],
      [5, 2],
    );
    expect(finiteRows(x).to('float32').toNumbers()).toEqual([1, 0, 0, 0, 1]);
  });
});

test('the first weight that is not finite is named', () => {
  scope(() => {
    const weights = {
      count: tensor(new BigInt64Array([1n])),
      a: tensor([1, 2], [1, 2]),
      b: tensor([0, Number.NaN]),
      c: tensor([1e25]),
    };
    const named = (...names: (keyof typeof weights)[]) =>
      weightNotFinite(new Map(names.map((name) => [name, weights[name]])));
    expect(named('count', 'a')).toBeUndefined();
    expect(named('a', 'b', 'c')).toBe('weight b is not finite: its norm is NaN');
    expect(named('a', 'c')).toBe('weight c is not finite: its norm is Infinity');
  });
});

import { expect, test } from 'vitest';
import { scope, tensor } from '../torch/index.ts';
import { unitRows } from './unit-rows.ts';

test('rows of unit length, half precision made wider, zeros stay zeros', () => {
  scope(() => {
    expect(unitRows(tensor([3, 4, 0, 0], [2, 2])).toNumbers()).toEqual([
      expect.closeTo(0.6, 6),
      expect.closeTo(0.8, 6),
      0,
      0,
    ]);
    expect(unitRows(tensor([1], [1, 1]).to('bfloat16')).dtype).toBe('float32');
    expect(unitRows(tensor([1], [1, 1]).to('float64')).dtype).toBe('float64');
  });
});

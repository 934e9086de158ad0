import { expect, test } from 'vitest';
import { CoupletError } from '../errors.ts';
import { cudaCount, resolveDevice } from './device.ts';
import { DTYPE_CODE, type DType, dtypeOf, hostArray } from './dtype.ts';

test('resolveDevice takes the GPU that is there and refuses the one that is not', () => {
  expect(resolveDevice('cpu')).toBe('cpu');
  expect(resolveDevice('auto')).toBe(cudaCount() > 0 ? 'cuda:0' : 'cpu');
  expect(() => resolveDevice(`cuda:${cudaCount()}`)).toThrow(CoupletError);
  expect(() => resolveDevice('cuda:99')).toThrow(/cuda:99.*device: 'cpu'.*doctor/);
});

test.each(['gpu', 'cuda:x', 'cuda:-1', 'cuda:0.5', ''])('resolveDevice refuses %j by name', (wanted) => {
  expect(() => resolveDevice(wanted)).toThrow(CoupletError);
});

test('every dtype has a code, a way back, and an array of its width', () => {
  const bytes: Record<DType, number> = {
    uint8: 1,
    int8: 1,
    int16: 2,
    int32: 4,
    int64: 8,
    float16: 2,
    float32: 4,
    float64: 8,
    bool: 1,
    bfloat16: 2,
  };
  for (const [name, code] of Object.entries(DTYPE_CODE) as [DType, number][]) {
    expect(dtypeOf(code)).toBe(name);
    expect(hostArray(name, 3).byteLength).toBe(3 * bytes[name]);
  }
  expect(() => dtypeOf(9)).toThrow(/scalar type 9/);
});

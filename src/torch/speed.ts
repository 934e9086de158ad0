import { synchronize } from './device.ts';
import { autocast } from './grad.ts';
import { Generator, rand } from './random.ts';
import { scope } from './scope.ts';

/** 10^9 operations per second in a product of square matrices. */
export function gflops(dtype: 'float32' | 'bfloat16', device: string, side: number): number {
  const generator = new Generator('cpu', 1);
  return scope(() => {
    const a = rand([side, side], generator).toDevice(device);
    let best = 0;
    for (let i = 0; i < 6; i++) {
      const start = performance.now();
      scope(() => autocast({ device, dtype }, () => void a.matmul(a)));
      synchronize(device);
      best = Math.max(best, (2 * side ** 3) / ((performance.now() - start) * 1e6));
    }
    return best;
  });
}

/** Measured in milliseconds. */
const MATRIX_SIDE = 256;

/** Speed of bfloat16 matrix products relative to float32: two to three with AVX512-BF16 or AMX, far below one without. */
export const bfloat16Gain = (): number =>
  gflops('bfloat16', 'cpu', MATRIX_SIDE) / gflops('float32', 'cpu', MATRIX_SIDE);

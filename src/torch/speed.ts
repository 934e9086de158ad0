import { synchronize } from './device.ts';
import { autocast } from './grad.ts';
import { Generator, rand } from './random.ts';
import { scope } from './scope.ts';

/** 10^9 operations a second in a square product. */
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

/** Side of a product that tells the two apart in milliseconds. */
const SIDE = 256;

/**
 * How many times as fast as float32 matrix products are in bfloat16 on this processor: two to three with AVX512-BF16 or AMX, a twentieth
 * where it has no such arithmetic and libtorch converts number by number.
 */
export const bfloat16Gain = (): number => gflops('bfloat16', 'cpu', SIDE) / gflops('float32', 'cpu', SIDE);

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

/** At 256 the gain of one machine was read as anything from 0.9 to 3.2 beside other work; here it is 0.9 to 1.8, and 0.05 without such arithmetic. */
const SIDE = 512;
/** In turn, so that what else the machine does slows neither alone. */
const ROUNDS = 3;
/** Below it one round is enough, and takes long. */
const HOPELESS = 0.2;

/**
 * How many times as fast as float32 matrix products are in bfloat16 on this processor: two to three with AVX512-BF16 or AMX, a twentieth
 * where it has no such arithmetic and libtorch converts number by number.
 */
export function bfloat16Gain(): number {
  const best = { bfloat16: 0, float32: 0 };
  const gain = () => best.bfloat16 / best.float32;
  for (let round = 0; round < ROUNDS && (round === 0 || gain() > HOPELESS); round++)
    for (const dtype of ['bfloat16', 'float32'] as const)
      best[dtype] = Math.max(best[dtype], gflops(dtype, 'cpu', SIDE));
  return gain();
}

// OpenCLIP, SigLIP and every version of FastCLIP on tiny-imagenet-100 and CIFAR-10, where many captions are the same: equal samples.
// node --import jiti/register scripts/sweep.ts experiments/fastclip-photos.ts --out DIR --only '^tiny-128'
import type { SweepRun } from '../scripts/sweep.ts';

const fastclip = (version: string, more: object = {}) => ({ name: 'fastclip', version, ...more });
const TAU = { temperature: { init: 0.05 } };

/** What was best on icons (fastclip-icons.ts), but for rho: so few captions leave little room for the temperature (docs/log.md). */
const METHODS: Record<string, { method: Record<string, unknown>; lr: number }> = {
  clip: { method: { name: 'clip', temperature: 0.03 }, lr: 3e-4 },
  v3: { method: fastclip('v3', { rho: 2 }), lr: 3e-4 },
  siglip: { method: { name: 'siglip', temperature: 0.1 }, lr: 3e-4 },
  sogclr: { method: fastclip('sogclr', TAU), lr: 3e-4 },
  isogclr: { method: fastclip('isogclr', { rho: 2 }), lr: 3e-4 },
  v0: { method: fastclip('v0', { rho: 2 }), lr: 3e-4 },
  v1: { method: fastclip('v1', TAU), lr: 3e-4 },
  v2: { method: fastclip('v2', { rho: 2 }), lr: 3e-4 },
};

const SETS = { tiny: 'configs/tiny-imagenet-100.ts', cifar: 'configs/cifar10.ts' };
const common = {
  'data.hold': 'device',
  'data.workers': 3,
  threads: 2,
  cudaGraphs: true,
  precision: 'bfloat16',
  duration: { epochs: 10 },
  'schedule.warmup': { share: 0.1 },
  'evaluate.every': { share: 1 / 8 },
};

export default Object.entries(SETS).flatMap(([set, config]) =>
  [128, 512].flatMap((batch) =>
    Object.entries(METHODS).map(
      ([name, { method, lr }]): SweepRun => ({
        name: `${set}-${batch}-${name}-0`,
        config,
        set: {
          ...common,
          method,
          'batch.globalBatchSize': batch,
          'optimizer.peakLr': batch === 512 ? 2 * lr : lr,
        },
      }),
    ),
  ),
);

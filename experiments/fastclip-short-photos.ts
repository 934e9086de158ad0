// FastCLIP-v3 on short sequences of photos: CIFAR-10 and tiny-imagenet-100, 64 and 256 patches of 4 pixels. Is it there in a third of the time?
// node --import jiti/register scripts/sweep.ts experiments/fastclip-short-photos.ts --out DIR --parallel 4
//
// Seconds and schedules as in ssl.ts.
import type { SweepRun } from '../scripts/sweep.ts';
import { ANALYSED, clip, compressionsOf, fastclip, GAMMA, SMALL, stepTimesOf } from './settings.ts';

/** Seconds on whole sequences, and what a compressed run gets of them. */
const SECONDS = 60;
const SHARE = 1 / 3;
const PATCH = 4;

/** Rates and parts that were best in whole epochs (docs/results/fastclip-photos.md). */
const SETS: Record<string, { config: string; lr: { clip: number; v3: number }; rho: number }> = {
  cifar: { config: 'configs/cifar10.ts', lr: { clip: 6e-4, v3: 6e-4 }, rho: 1 },
  tiny: { config: 'configs/tiny-imagenet-100.ts', lr: { clip: 3e-4, v3: 6e-4 }, rho: 2 },
};

export default [0, 1, 2].flatMap((seed) =>
  Object.entries(SETS).flatMap(([set, { config, lr, rho }]): SweepRun[] => {
    const base = {
      ...SMALL,
      ...stepTimesOf(`${set}-v3`),
      'model.image.patchSize': PATCH,
      'batch.globalBatchSize': 256,
      seed,
    };
    const v3 = { method: fastclip('v3', { rho, ...GAMMA }), 'optimizer.peakLr': lr.v3 };
    const whole = { duration: { seconds: SECONDS }, 'evaluate.every': { share: 0.1 } };
    return [
      {
        name: `${set}-clip-whole-${seed}`,
        config,
        set: { ...base, ...whole, method: clip(0.07), 'optimizer.peakLr': lr.clip },
      },
      {
        name: `${set}-v3-whole-${seed}`,
        config,
        set: { ...base, ...whole, ...v3, ...(seed === 0 && ANALYSED) },
      },
      ...Object.entries({ none: {}, ...compressionsOf(`${set}-v3`, PATCH) }).map(([name, compression]) => ({
        name: `${set}-v3-${name}-${seed}`,
        config,
        set: {
          ...base,
          ...v3,
          ...compression,
          duration: { seconds: SECONDS * SHARE },
          'evaluate.every': { share: 0.25 },
        },
      })),
    ];
  }),
);

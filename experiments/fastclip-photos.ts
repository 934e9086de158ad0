// OpenCLIP, SigLIP and every version of FastCLIP on tiny-imagenet-100 and CIFAR-10, where many captions are the same: equal samples.
// node --import jiti/register scripts/sweep.ts experiments/fastclip-photos.ts --out DIR --only '^tune'
// node ... --only '^tiny-128'      with CHOSEN=chosen.json, what scripts/sweep-best.ts made of the first, else with the best of docs/results
import type { SweepRun } from '../scripts/sweep.ts';
import {
  allMethods,
  chosenRow,
  clip,
  fastclip,
  first,
  GAMMA,
  isSeeded,
  type Row,
  SMALL,
} from './settings.ts';

const SETS = { tiny: 'configs/tiny-imagenet-100.ts', cifar: 'configs/cifar10.ts' };

function run(name: string, { method, lr }: Row, more: Record<string, unknown>): SweepRun {
  const config = SETS[name.includes('tiny') ? 'tiny' : 'cifar'];
  return { name, config, set: { ...SMALL, method, 'optimizer.peakLr': lr, ...more } };
}

/** As many settings for each of the two that the question is about. So few captions leave little room for the temperature: rho below 4. */
const TUNED: Record<string, Row[]> = {
  clip: [
    { method: clip(0.07), lr: 3e-4 },
    { method: clip(0.07), lr: 6e-4 },
    { method: clip(0.07), lr: 1.2e-3 },
    { method: clip(0.03), lr: 6e-4 },
    { method: clip(0.15), lr: 6e-4 },
  ],
  v3: [
    { method: fastclip('v3', { rho: 1, ...GAMMA }), lr: 3e-4 },
    { method: fastclip('v3', { rho: 1, ...GAMMA }), lr: 6e-4 },
    { method: fastclip('v3', { rho: 1, ...GAMMA }), lr: 1.2e-3 },
    { method: fastclip('v3', { rho: 1 }), lr: 6e-4 },
    { method: fastclip('v3', { rho: 2, ...GAMMA }), lr: 6e-4 },
  ],
};
const tunes = Object.keys(SETS).flatMap((set) =>
  Object.entries(TUNED).flatMap(([name, rows]) =>
    rows.map((row, i) =>
      run(`tune-${set}-${name}-${i}`, row, { duration: { epochs: 4 }, 'batch.globalBatchSize': 128 }),
    ),
  ),
);

/** Which was best (docs/results/fastclip-photos.md). */
const BEST: Record<string, Record<string, number>> = { tiny: { clip: 0, v3: 4 }, cifar: { clip: 1, v3: 1 } };
/** What scripts/sweep-best.ts found, else what was best before. */
const chosen = (set: string, name: 'clip' | 'v3') =>
  chosenRow(`tune-${set}-${name}`) ?? TUNED[name][BEST[set][name]];
const methodsOf = (set: string) => allMethods({ clip: chosen(set, 'clip'), v3: chosen(set, 'v3') });

const EPOCHS = 8;
const finals = [0, 1, 2].flatMap((seed) =>
  Object.keys(SETS).flatMap((set) =>
    [128, 512].flatMap((batch) =>
      Object.entries(methodsOf(set))
        .filter(([name]) => seed === 0 || isSeeded(name))
        .map(([name, { method, lr }]) =>
          run(
            `${set}-${batch}-${name}-${seed}`,
            { method, lr: batch === 512 ? 2 * lr : lr },
            {
              duration: { epochs: EPOCHS },
              'evaluate.every': { share: 1 / 8 },
              'batch.globalBatchSize': batch,
              seed,
            },
          ),
        ),
    ),
  ),
);

finals.sort((a, b) => first(a) - first(b));

export default [...tunes, ...finals];

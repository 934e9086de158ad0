// OpenCLIP, SigLIP and every version of FastCLIP on the icons of demos/icon-search: which settings, then which method.
// node --import jiti/register scripts/sweep.ts experiments/fastclip-icons.ts --out DIR --parallel 6 --only '^tune'
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
  siglip,
  tau,
  V3,
} from './settings.ts';

const CONFIG = 'demos/icon-search/config.ts';
const LRS = [3e-4, 6e-4, 1.2e-3];
/** Where the settings of the temperature are compared. */
const LR = 6e-4;

/** Six settings for each method: three or four learning rates, then what decides its temperature. */
const tuning: Record<string, Row[]> = {
  clip: [
    ...LRS.map((lr) => ({ method: clip(), lr })),
    { method: clip(), lr: 2.4e-3 },
    { method: clip(0.03), lr: LR },
    { method: clip(0.15), lr: LR },
  ],
  siglip: [
    ...LRS.map((lr) => ({ method: siglip(), lr })),
    { method: siglip(), lr: 2.4e-3 },
    { method: siglip(0.05), lr: LR },
    { method: siglip(0.2), lr: LR },
  ],
  ...Object.fromEntries(
    ['sogclr', 'v1'].map((version) => [
      version,
      [
        ...LRS.map((lr) => ({ method: fastclip(version, tau(0.05)), lr })),
        ...[0.03, 0.07, 0.1].map((init) => ({ method: fastclip(version, tau(init)), lr: LR })),
      ],
    ]),
  ),
  ...Object.fromEntries(
    ['isogclr', 'v2'].map((version) => [
      version,
      [
        ...LRS.map((lr) => ({ method: fastclip(version, { rho: 4 }), lr })),
        ...[2.5, 5.5, 7].map((rho) => ({ method: fastclip(version, { rho }), lr: LR })),
      ],
    ]),
  ),
  v0: [
    ...LRS.map((lr) => ({ method: fastclip('v0'), lr })),
    { method: fastclip('v0', { temperature: { lrShare: 0.25 } }), lr: LR },
    { method: fastclip('v0', { temperature: { gradient: 'released' } }), lr: LR },
    { method: fastclip('v0', tau(0.03)), lr: LR },
  ],
  v3: [
    ...LRS.map((lr) => ({ method: fastclip('v3', { rho: 4 }), lr })),
    ...[2.5, 5.5].map((rho) => ({ method: fastclip('v3', { rho }), lr: LR })),
    { method: fastclip('v3', { rho: 4, temperature: { gradient: 'released' } }), lr: LR },
  ],
};

/** Everything that is not told apart. */
const common = { ...SMALL, 'batch.globalBatchSize': 128 };

const RETRIEVAL = { data: { type: 'webdataset', path: 'data/icons/val-00000.tar' } };

/** One run: its settings, and how long it is. */
function run(name: string, { method, lr }: Row, more: Record<string, unknown>): SweepRun {
  return { name, config: CONFIG, set: { ...common, method, 'optimizer.peakLr': lr, ...more } };
}

/** Without an evaluation before the end: they cost more than they tell here. */
const SHORT = { duration: { epochs: 8 }, evaluate: { retrieval: RETRIEVAL } };
/** Twenty evaluations: how many samples reach a recall is read off the curve. */
const WHOLE = { duration: { epochs: 20 }, evaluate: { every: { share: 1 / 20 }, retrieval: RETRIEVAL } };

const tunes = Object.entries(tuning).flatMap(([name, rows]) =>
  rows.map((row, i) => run(`tune-${name}-${i}`, row, SHORT)),
);

/** Those that the bar is about first, then the others in turn, so that a sweep that is cut has tried as much of each. */
const turn = ({ name }: SweepRun) => Number(name.at(-1));
tunes.sort((a, b) => first(a) - first(b) || turn(a) - turn(b));

/** The lowest rate had won: lower ones, and what decides the temperature again there. With the first round twelve settings for each. */
const again: Record<string, Row[]> = {
  clip: [
    { method: clip(), lr: 1.5e-4 },
    { method: clip(0.03), lr: 3e-4 },
    { method: clip(0.15), lr: 3e-4 },
    { method: clip(), lr: 2e-4 },
    { method: clip(0.03), lr: 2e-4 },
    { method: clip(0.03), lr: 1.5e-4 },
  ],
  v3: [
    { method: fastclip('v3', { rho: 4 }), lr: 3e-4 }, // the best of the first round
    { method: fastclip('v3', { rho: 4 }), lr: 1.5e-4 },
    { method: fastclip('v3', { rho: 4 }), lr: 2e-4 },
    { method: fastclip('v3', { rho: 4, ...tau(0.03) }), lr: 2e-4 },
    { method: fastclip('v3', { rho: 2.5 }), lr: 3e-4 },
    { method: fastclip('v3', { rho: 4, ...tau(0.03) }), lr: 3e-4 },
    { method: fastclip('v3', { rho: 4, gamma: { min: 0.6 } }), lr: 2e-4 },
  ],
};
const tunesAgain = Object.entries(again).flatMap(([name, rows]) =>
  rows.map((row, i) => run(`again-${name}-${i}`, row, SHORT)),
);

/** Eight epochs had preferred rates that overfit in twenty: so whole runs, as many for each of the two, and a gamma of 0.6, which had helped v3. */
const wholes: Record<string, Row[]> = {
  clip: [
    { method: clip(0.03), lr: 3e-4 },
    { method: clip(0.03), lr: 6e-4 },
    { method: clip(0.07), lr: 3e-4 },
    { method: clip(0.07), lr: 6e-4 },
    { method: clip(0.03), lr: 1e-3 },
    { method: clip(0.15), lr: 3e-4 },
  ],
  v3: [
    { method: fastclip('v3', { rho: 4, ...GAMMA }), lr: 3e-4 },
    { method: fastclip('v3', { rho: 4, ...GAMMA }), lr: 6e-4 },
    { method: fastclip('v3', { rho: 2.5, ...GAMMA }), lr: 3e-4 },
    { method: fastclip('v3', { rho: 2.5, ...GAMMA }), lr: 6e-4 },
    { method: fastclip('v3', V3), lr: 3e-4 },
    { method: fastclip('v3', { rho: 3, gamma: { min: 0.4 } }), lr: 3e-4 },
  ],
};
const tunesWhole = Object.entries(wholes).flatMap(([name, rows]) =>
  rows.map((row, i) => run(`whole-${name}-${i}`, row, WHOLE)),
);
tunesWhole.sort((a, b) => turn(a) - turn(b));

/** What was best; what scripts/sweep-best.ts has just found, in the file CHOSEN, takes its place. */
const chosen = {
  clip: chosenRow('whole-clip') ?? wholes.clip[1],
  v3: chosenRow('whole-v3') ?? wholes.v3[4],
};
/** The two that the bar is about with three seeds, first ones first. */
const finalsOf = (batch: number, tried: { clip: Row; v3: Row }) =>
  [0, 1, 2].flatMap((seed) =>
    Object.entries(allMethods(tried))
      .filter(([name]) => seed === 0 || isSeeded(name))
      .map(([name, row]) =>
        run(`b${batch}-${name}-${seed}`, row, { ...WHOLE, 'batch.globalBatchSize': batch, seed }),
      ),
  );
const finals = finalsOf(128, chosen);
finals.sort((a, b) => first(a) - first(b));
/** tau's rate as a share of the model's: a quarter, as published for 100,000 steps, moves it by a factor of 1.35 in 4,000. */
const QUICK = 2;
/** Shorter runs, each with its own schedule: what are fewer samples worth before both overfit? Six settings each at ten epochs. */
const shortRows: Record<string, Row[]> = {
  clip: [
    ...[2e-4, 3e-4, 6e-4, 1e-3].map((lr) => ({ method: clip(0.03), lr })),
    ...[3e-4, 6e-4].map((lr) => ({ method: clip(0.07), lr })),
  ],
  v3: [
    ...[2e-4, 3e-4, 6e-4, 1e-3].map((lr) => ({ method: fastclip('v3', V3), lr })),
    ...[3e-4, 6e-4].map((lr) => ({
      method: fastclip('v3', { ...V3, temperature: { lrShare: QUICK } }),
      lr,
    })),
  ],
};
/** Four each at fourteen, the first of each what is best at twenty. */
const middleRows: Record<string, Row[]> = {
  clip: [...[6e-4, 3e-4, 2e-4].map((lr) => ({ method: clip(0.03), lr })), { method: clip(0.07), lr: 3e-4 }],
  v3: [
    ...[3e-4, 2e-4, 4.5e-4].map((lr) => ({ method: fastclip('v3', V3), lr })),
    { method: fastclip('v3', { ...V3, temperature: { lrShare: QUICK } }), lr: 3e-4 },
  ],
};
const shortTunes = Object.entries({ 10: shortRows, 14: middleRows }).flatMap(([epochs, rowsOf]) =>
  Object.entries(rowsOf).flatMap(([name, tried]) =>
    tried.map((row, i) =>
      run(`tune${epochs}-${name}-${i}`, row, { ...WHOLE, duration: { epochs: Number(epochs) } }),
    ),
  ),
);
/** The best of them, by epochs: docs/results/appendix.md. */
const BEST_SHORTER: Record<number, Record<string, Row>> = {
  10: { clip: shortRows.clip[0], v3: shortRows.v3[0] },
  14: { clip: middleRows.clip[1], v3: middleRows.v3[3] },
};
const shorter = [10, 14].flatMap((epochs) =>
  [0, 1, 2].flatMap((seed) =>
    Object.entries(chosen).map(([name, best]) => {
      const row = chosenRow(`tune${epochs}-${name}`) ?? BEST_SHORTER[epochs]?.[name] ?? best;
      return run(`e${epochs}-${name}-${seed}`, row, { ...WHOLE, duration: { epochs }, seed });
    }),
  ),
);

/** Four times the batch, and a quarter of the steps: six settings each. */
const LARGE_BATCH = { ...WHOLE, 'batch.globalBatchSize': 512 };
const largeRows: Record<string, Row[]> = {
  clip: [0.03, 0.07].flatMap((temperature) =>
    [6e-4, 1.2e-3, 2.4e-3].map((lr) => ({ method: clip(temperature), lr })),
  ),
  v3: [
    ...[6e-4, 1.2e-3, 2.4e-3].map((lr) => ({ method: fastclip('v3', V3), lr })),
    ...[6e-4, 1.2e-3].map((lr) => ({ method: fastclip('v3', { rho: 4, ...GAMMA }), lr })),
    { method: fastclip('v3', { ...V3, temperature: { lrShare: QUICK } }), lr: 1.2e-3 },
  ],
};
const largeTunes = Object.entries(largeRows).flatMap(([name, rowsOf]) =>
  rowsOf.map((row, i) => run(`tune512-${name}-${i}`, row, LARGE_BATCH)),
);
/** The best of them: docs/results/appendix.md. */
const large = finalsOf(512, {
  clip: chosenRow('tune512-clip') ?? largeRows.clip[4],
  v3: chosenRow('tune512-v3') ?? largeRows.v3[1],
});
large.sort((a, b) => first(a) - first(b));

/** Both end where they overfit: crops of down to half a picture. Three settings each, at the best temperatures. */
const AUGMENTED = { 'data.crop.scale': [0.5, 1], 'data.crop.ratio': [0.75, 1.33] };
const augmentedTunes = [3e-4, 6e-4, 1e-3].flatMap((lr, i) =>
  Object.entries(chosen).map(([name, { method }]) =>
    run(`augtune-${name}-${i}`, { method, lr }, { ...WHOLE, ...AUGMENTED }),
  ),
);
/** The rate that was best with them, else. */
const augmentedBest = (name: string, { method }: Row): Row => ({ method, lr: name === 'clip' ? 6e-4 : 1e-3 });
const augmented = [0, 1, 2].flatMap((seed) =>
  Object.entries(chosen).map(([name, row]) =>
    run(`aug-${name}-${seed}`, chosenRow(`augtune-${name}`) ?? augmentedBest(name, row), {
      ...WHOLE,
      ...AUGMENTED,
      seed,
    }),
  ),
);

export default [
  ...tunes,
  ...tunesAgain,
  ...tunesWhole,
  ...finals,
  ...shortTunes,
  ...shorter,
  ...largeTunes,
  ...large,
  ...augmentedTunes,
  ...augmented,
];

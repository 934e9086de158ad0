// MoCo v3, SimCLR and DINO with short sequences: is the same encoder there in a fraction of the time?
// node --import jiti/register scripts/sweep.ts experiments/ssl.ts --out DIR --only '^cifar-moco-v3'
//
// Seconds are those of docs/results/rows/step-times.jsonl, which bench/step-times.ts measured of steps alone on a GPU (`stepTimes` in a config): so
// runs may share one. `found` is the schedule in experiments/schedules that `couplet schedule` made of an analysis of the whole run.
import type { SweepRun } from '../scripts/sweep.ts';
import { ANALYSED, chosenName, compressionsOf, SMALL, stepTimesOf } from './settings.ts';

/** Seconds of training of a run without compression. */
const SECONDS = 60;
/** DINO learns next to nothing in a minute. */
const LENGTH: Record<string, number> = { 'cifar-dino': 2.5, 'tiny-dino': 2.5 };
/** What share of them a compressed run gets: what the paper claims for each method. */
const SHARES: Record<string, number> = { 'moco-v3': 1 / 4, simclr: 1 / 3.3, dino: 1 / 2.5 };

const tiny = (shards: string) => ({
  type: 'webdataset',
  path: `data/tiny-imagenet-100/${shards}.tar`,
  classNames: 'data/tiny-imagenet-100/classes.json',
});
/** What is not CIFAR-10's config; `batch` as large as keeps a GPU busy on short sequences and leaves it memory on whole ones. */
interface DataSet {
  patch: number;
  /** Coarser patches that a person would try. */
  coarser: number[];
  set: Record<string, unknown>;
  methods: Record<string, Record<string, unknown>>;
}
const batch = (globalBatchSize: number, peakLr: number) => ({
  'batch.globalBatchSize': globalBatchSize,
  'optimizer.peakLr': peakLr,
});

/** What may let DINO leave its even plateau sooner; tried on short sequences. */
const DINO: Record<string, unknown>[] = [
  {},
  { 'method.emaMomentum': 0.98 },
  { 'method.emaMomentum': 0.9, 'method.teacherTemperature': { start: 0.07, end: 0.07 } },
  { 'method.emaMomentum': 0.98, 'optimizer.peakLr': 2e-3 },
  { 'method.emaMomentum': 0.98, 'method.teacherTemperature': { start: 0.025, end: 0.025 } },
].map((row) => ({ ...batch(512, 1e-3), 'method.head.outputs': 1024, ...row }));
/** The best of them. */
const dino = DINO[Number(chosenName('tune-cifar-dino')?.at(-1) ?? 1)]!;
const SETS: Record<string, DataSet> = {
  // 64 patches of 4 pixels.
  cifar: {
    patch: 4,
    coarser: [8],
    set: {},
    methods: { 'moco-v3': batch(1024, 1.5e-3), simclr: batch(1024, 1.5e-3), dino },
  },
  // 256 patches of 4 pixels: sequences as long as the paper's.
  tiny: {
    patch: 4,
    coarser: [8, 16],
    set: {
      'data.train': tiny('train-{00000..00009}'),
      'evaluate.neighbours.data': tiny('val-00000'),
      'model.image.imageSize': 64,
    },
    methods: {
      'moco-v3': batch(512, 1e-3),
      simclr: batch(512, 1e-3),
      dino: { ...dino, ...batch(256, 5e-4), 'method.localCrops.size': 28 }, // the paper's share of a side: 96 of 224
    },
  },
};

const common = { ...SMALL, 'evaluate.neighbours.samples': 10_000, 'log.every.steps': 50 };
const COSINE = { 'schedule.shape': 'cosine' };

/** What all runs of a method on a data set share, and its compressions: they have the polynomial decay, runs without one the cosine. */
function kindOf(name: string, method: string) {
  const { set, methods, patch, coarser } = SETS[name]!;
  const kind = `${name}-${method}`;
  return {
    config: `configs/${method}-cifar10.ts`,
    base: { ...set, ...methods[method], ...common, ...stepTimesOf(kind) },
    compressions: compressionsOf(kind, patch, coarser),
  };
}

const runs = Object.keys(SETS).flatMap((name) =>
  Object.entries(SHARES).flatMap(([method, share]): SweepRun[] => {
    const { config, base, compressions } = kindOf(name, method);
    const seconds = SECONDS * (LENGTH[`${name}-${method}`] ?? 1);
    const all: Record<string, Record<string, unknown>> = { none: COSINE, decay: {}, ...compressions };
    const whole = [0, 1, 2].map((seed) => ({
      name: `${name}-${method}-whole-${seed}`,
      config,
      set: {
        ...base,
        ...COSINE,
        ...(seed === 0 && ANALYSED),
        'evaluate.every': { share: 0.1 },
        duration: { seconds },
        seed,
      },
    }));
    const short = Object.entries(all).flatMap(([compression, changes]) =>
      [0, 1, 2].map((seed) => ({
        name: `${name}-${method}-${compression}-${seed}`,
        config,
        set: {
          ...base,
          ...changes,
          'evaluate.every': { share: 0.25 },
          duration: { seconds: seconds * share },
          seed,
        },
      })),
    );
    return [...whole, ...short];
  }),
);

const dinoTunes = DINO.map((row, i) => ({
  name: `tune-cifar-dino-${i}`,
  config: 'configs/dino-cifar10.ts',
  set: {
    ...common,
    ...row,
    compression: { patchSize: 8 },
    duration: { steps: 1200 },
    'evaluate.every': { share: 0.25 },
  },
}));

/** Does a constant compression saturate, and does a schedule? The same runs with more seconds, one seed. */
const LONGER = ['whole', 'patches', 'patches-16', 'both', 'quarter', 'online-quarter'];
const budgets = Object.keys(SETS).flatMap((name) =>
  ['moco-v3', 'simclr'].flatMap((method) => {
    const { config, base, compressions } = kindOf(name, method);
    const all: Record<string, Record<string, unknown>> = { whole: COSINE, ...compressions };
    return LONGER.filter((compression) => compression in all).flatMap((compression) =>
      [SECONDS, 2 * SECONDS].map((seconds) => ({
        name: `budget-${name}-${method}-${compression}-${seconds}`,
        config,
        set: { ...base, ...all[compression], 'evaluate.every': { share: 0.1 }, duration: { seconds } },
      })),
    );
  }),
);

/** The first seeds of all before the second ones, so that a sweep that is cut has tried each. */
const seedOf = ({ name }: SweepRun) => Number(name.at(-1));
export default [...dinoTunes, ...runs.sort((a, b) => seedOf(a) - seedOf(b)), ...budgets];

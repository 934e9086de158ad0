// What the lists of runs share.
import { existsSync, readFileSync } from 'node:fs';
import { readRows } from '../scripts/rows.ts';
import type { SweepRun } from '../scripts/sweep.ts';

/** Small runs: pictures held on the GPU, steps recorded, few threads, so that several run side by side. */
export const SMALL = {
  'data.hold': 'device',
  'data.cache': 'data/cache',
  'data.workers': 6,
  threads: 2,
  cudaGraphs: true,
  precision: 'bfloat16',
  'schedule.warmup': { share: 0.1 },
};

/** A JSON file's content; undefined where there is none yet. */
const jsonAt = <T>(path: string): T | undefined =>
  existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as T) : undefined;

const { CHOSEN, TIMES = 'docs/results/rows/step-times.jsonl' } = process.env;
/** The table of a list's runs, where it goes by another name. */
const TABLES: Record<string, string> = {
  'cifar-dino': 'cifar-dino-1024-outputs',
  'tiny-moco-v3': 'tiny-moco-v3-64px-patch-4',
  'tiny-simclr': 'tiny-simclr-64px-patch-4',
  'tiny-dino': 'tiny-dino-1024-outputs',
  'icons-clip': 'icons-clip-b256',
  'icons-v3': 'icons-v3-b256',
};

const measured = readRows<{ run: string; tokenDropout: number; patchSize: number; ms: number }>(TIMES);

/** `stepTimes` of a config: the rows that bench/step-times.ts --into left in the file TIMES, else in docs/results/rows. */
export function stepTimesOf(name: string) {
  const stepTimes = measured
    .filter(({ run }) => run === (TABLES[name] ?? name))
    .map(({ tokenDropout, patchSize, ms }) => ({ tokenDropout, patchSize, seconds: ms / 1000 }));
  return stepTimes.length > 0 ? { stepTimes } : {};
}

/** Asked for by name, so it must be there. */
const found = CHOSEN ? JSON.parse(readFileSync(CHOSEN, 'utf8')) : {};

/** The settings of the best run of a group, as `tune-clip`, from the file CHOSEN that scripts/sweep-best.ts wrote; undefined without. */
const chosenSet = (group: string): Record<string, unknown> | undefined => found[group]?.set;

/** The name of that run. */
export const chosenName = (group: string): string | undefined => found[group]?.name;

/** What is told apart between methods: the method's settings, and its learning rate. */
export interface Row {
  method: Record<string, unknown>;
  lr: number;
}

export const clip = (temperature = 0.07) => ({ name: 'clip', temperature });
export const siglip = (temperature = 0.1) => ({ name: 'siglip', temperature });
export const fastclip = (version: string, more: object = {}) => ({ name: 'fastclip', version, ...more });
export const tau = (init: number) => ({ temperature: { init } });
/** What was best on icons in whole runs of 20 epochs (docs/results/fastclip-icons.md). */
export const V3 = { rho: 3, gamma: { min: 0.8 } };
/** A gamma that falls less far than the paper's 0.2. */
export const GAMMA = { gamma: { min: 0.6 } };

/** The best row of a group, as chosenSet(). */
export function chosenRow(group: string): Row | undefined {
  const set = chosenSet(group);
  return set && { method: set.method as Row['method'], lr: set['optimizer.peakLr'] as number };
}

/** All methods beside the two that were tried most: each has the rate, and the parts, of the one that it is nearest to. */
export function allMethods(tried: { clip: Row; v3: Row }): Record<string, Row> {
  const { lr, method } = tried.v3;
  const { rho, gamma } = method as { rho: number; gamma?: object };
  const schedule = gamma && { gamma };
  return {
    ...tried,
    siglip: { method: siglip(), lr: tried.clip.lr },
    sogclr: { method: fastclip('sogclr', tau(0.05)), lr },
    isogclr: { method: fastclip('isogclr', { rho }), lr },
    v0: { method: fastclip('v0', schedule), lr },
    v1: { method: fastclip('v1', { ...schedule, ...tau(0.05) }), lr },
    v2: { method: fastclip('v2', { rho, ...schedule }), lr },
  };
}

/** The two that questions are about: they have three seeds, the others one. */
export const isSeeded = (name: string) => name === 'clip' || name === 'v3';
/** For sorting: their runs first, so that a sweep that is cut has the comparison that counts. */
export const first = ({ name }: SweepRun) => (/-(clip|v3)-/.test(name) ? 0 : 1);

type Changes = Record<string, Record<string, unknown>>;

/** What a person would try first on patches of `patch` pixels. */
const plainCompressions = (patch: number, coarser: number[]): Changes => ({
  'dropout-50': { compression: { tokenDropout: 0.5 } },
  'dropout-75': { compression: { tokenDropout: 0.75 } },
  ...Object.fromEntries(
    coarser.map((side) => [
      side === 2 * patch ? 'patches' : `patches-${side}`,
      { compression: { patchSize: side } },
    ]),
  ),
  ramp: {
    compression: {
      stages: [0.75, 0.5, 0.25, 0].map((tokenDropout, i) => ({ from: i / 4, tokenDropout })),
    },
  },
  // Both kinds, then whole sequences, as they are met when it counts.
  both: {
    compression: {
      stages: [
        { from: 0, patchSize: 2 * patch, tokenDropout: 0.75 },
        { from: 0.3, patchSize: 2 * patch, tokenDropout: 0.5 },
        { from: 0.9 },
      ],
    },
  },
});

/** Chosen while training, by the raw gradient and in the scale of Adam's steps, there also for less compute a gradient; last as a user gets it. */
function onlineCompressions(patchSize: number[]): Changes {
  const grid = { tokenDropout: [0, 0.5, 0.75], patchSize };
  const adam = (gradientCompute: number) => ({ online: { ...grid, scale: 'adam', gradientCompute } });
  return {
    online: { compression: { online: { ...grid, scale: 'gradient', gradientCompute: 1 } } },
    'online-adam': { compression: adam(1) },
    'online-half': { compression: adam(0.5) },
    'online-quarter': { compression: adam(0.25) },
    'online-default': { compression: { online: {} } },
  };
}

/** Schedules that `couplet schedule` made of analyses. */
const { SCHEDULES = 'experiments/schedules' } = process.env;

/** Those of one kind of run, where there are any: by the paper's cost, by measured seconds, in Adam's scale, there also for less compute a gradient. */
const foundCompressions = (name: string): Changes =>
  Object.fromEntries(
    ['found', 'timed', 'adam', 'half', 'quarter'].flatMap((kind) => {
      const file = `${SCHEDULES}/${name}${kind === 'found' ? '' : `-${kind}`}.json`;
      const found = jsonAt<{ stages: object[] }>(file);
      return found ? [[kind, { compression: { stages: found.stages } }]] : [];
    }),
  );

/** Every compression of one kind of run, on patches of `patch` pixels and larger ones. */
export const compressionsOf = (name: string, patch: number, coarser = [2 * patch]): Changes => ({
  ...plainCompressions(patch, coarser),
  ...onlineCompressions([patch, ...coarser]),
  ...foundCompressions(name),
});

/** Leaves the checkpoints that `couplet analyze` asks for. */
export const ANALYSED = { 'checkpoint.every': { share: 0.25 }, 'checkpoint.keep': 5 };

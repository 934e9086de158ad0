// The two papers together: FastCLIP-v3 on short sequences against OpenCLIP on whole ones, on icons cut into 256 patches.
// node --import jiti/register scripts/sweep.ts experiments/fastclip-schedule.ts --out DIR --only '^sched-tune'
//
// Seconds and schedules as in ssl.ts.
import type { SweepRun } from '../scripts/sweep.ts';
import {
  ANALYSED,
  chosenRow,
  clip,
  compressionsOf,
  fastclip,
  GAMMA,
  type Row,
  SMALL,
  stepTimesOf,
  V3,
} from './settings.ts';

const CONFIG = 'demos/icon-search/config.ts';
const LRS = [6e-4, 1.2e-3];
/** As many settings for each: OpenCLIP's are tried in whole runs, v3's in short ones, both as they are used. */
const TUNED: Record<string, Row[]> = {
  clip: [
    ...[0.03, 0.07].flatMap((temperature) => LRS.map((lr) => ({ method: clip(temperature), lr }))),
    ...[0.03, 0.07].map((temperature) => ({ method: clip(temperature), lr: 2.4e-3 })),
  ],
  v3: [
    ...[V3, { rho: 4, ...GAMMA }].flatMap((parts) =>
      LRS.map((lr) => ({ method: fastclip('v3', parts), lr })),
    ),
    { method: fastclip('v3', { ...V3, temperature: { lrShare: 2 } }), lr: 1.2e-3 },
    { method: fastclip('v3', V3), lr: 2.4e-3 },
  ],
};
/** Seconds of OpenCLIP on whole sequences, and what a compressed run gets of them. */
const SECONDS = 80;
const SHARE = 1 / 3;
const PATCH = 4;

const common = {
  ...SMALL,
  'model.image.patchSize': PATCH,
  'batch.globalBatchSize': 256,
  'log.every.steps': 25,
};

function run(name: string, method: string, more: Record<string, unknown>, row = rowOf(method)): SweepRun {
  const set = { ...common, method: row.method, 'optimizer.peakLr': row.lr, ...more };
  return { name, config: CONFIG, set: { ...set, ...stepTimesOf(`icons-${method}`) } };
}
/** What scripts/sweep-best.ts found, else what was best before: the second row of each. */
const rowOf = (method: string) => chosenRow(`sched-tune-${method}`) ?? TUNED[method]![1]!;

const compressions: Record<string, Record<string, unknown>> = {
  none: {},
  late: { compression: { stages: [{ from: 0, tokenDropout: 0.75 }, { from: 0.75 }] } },
  ...compressionsOf('icons-v3', PATCH),
};

const EVERY = { 'evaluate.every': { share: 1 / 10 } };
/** They are also the first seeds of what they choose. */
const tunes = Object.entries(TUNED).flatMap(([method, rows]) =>
  rows.map((row, i) => {
    const short = method === 'v3' && { ...compressions.late, duration: { seconds: SECONDS * SHARE } };
    return run(
      `sched-tune-${method}-${i}`,
      method,
      { ...EVERY, duration: { seconds: SECONDS }, ...short },
      row,
    );
  }),
);

const finals = [0, 1, 2].flatMap((seed) => [
  run(`sched-clip-whole-${seed}`, 'clip', { ...EVERY, duration: { seconds: SECONDS }, seed }),
  run(`sched-v3-whole-${seed}`, 'v3', {
    ...EVERY,
    duration: { seconds: SECONDS },
    seed,
    ...(seed === 0 && ANALYSED),
  }),
  ...Object.entries(compressions).flatMap(([name, set]) =>
    ['v3', 'clip'].map((method) =>
      run(`sched-${method}-${name}-${seed}`, method, {
        ...EVERY,
        ...set,
        duration: { seconds: SECONDS * SHARE },
        seed,
      }),
    ),
  ),
]);

/** Twice as long, where whole sequences are learnt by heart: lower rates too, as many for each. */
const LONG = 2 * SECONDS;
const longLrs = [3e-4, 6e-4, 1.2e-3, 2.4e-3];
const longRows: Record<string, { method: string; row: Row; set: Record<string, unknown> }[]> = {
  'clip-whole': longLrs.map((lr) => ({
    ...{ method: 'clip', row: { method: clip(0.03), lr } },
    set: { duration: { seconds: LONG } },
  })),
  ...Object.fromEntries(
    ['found', 'late'].map((name) => [
      `v3-${name}`,
      longLrs.map((lr) => ({
        ...{ method: 'v3', row: { method: fastclip('v3', V3), lr } },
        set: { ...compressions[name], duration: { seconds: LONG * SHARE } },
      })),
    ]),
  ),
};
const longTunes = Object.entries(longRows).flatMap(([name, rows]) =>
  rows.map(({ method, row, set }, i) => run(`long-tune-${name}-${i}`, method, { ...EVERY, ...set }, row)),
);
/** Two more seeds of the best of each: what scripts/sweep-best.ts found, else the rate of 1.2e-3, which was best of three. */
const longs = [1, 2].flatMap((seed) =>
  Object.entries(longRows).map(([name, rows]) => {
    const { method, row, set } = rows[longLrs.indexOf(1.2e-3)]!;
    return run(
      `long-${name}-${seed}`,
      method,
      { ...EVERY, ...set, seed },
      chosenRow(`long-tune-${name}`) ?? row,
    );
  }),
);

export default [...tunes, ...finals, ...longTunes, ...longs];

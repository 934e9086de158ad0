// The two papers together: FastCLIP-v3 on short sequences against OpenCLIP on whole ones, on icons cut into 256 patches.
// TIMES=DIR SCHEDULES=DIR node --import jiti/register scripts/sweep.ts experiments/fastclip-schedule.ts --out DIR --only '^sched-tune'
//
// Seconds are those of TIMES/icons-METHOD.json (bench/step-times.ts), as in ssl.ts.
import type { SweepRun } from '../scripts/sweep.ts';
import { chosenSet, clip, fastclip, GAMMA, jsonAt, plainCompressions, SMALL } from './settings.ts';

const { TIMES = '', SCHEDULES = '' } = process.env;
const CONFIG = 'examples/icon-search/config.ts';
const METHODS: Record<string, Record<string, unknown>> = {
  clip: clip(0.03),
  v3: fastclip('v3', { rho: 4, ...GAMMA }),
};
/** Each is tried in a whole run: short ones prefer rates that overfit. */
const LRS = [3e-4, 6e-4];
/** Seconds of OpenCLIP on whole sequences, and what a compressed run gets of them. */
const SECONDS = Number(process.env.SECONDS ?? 45);
const SHARE = 1 / 3;
const PATCH = 4;

const common = {
  ...SMALL,
  'model.image.patchSize': PATCH,
  'batch.globalBatchSize': 256,
  'log.every.steps': 25,
};

function run(name: string, method: string, more: Record<string, unknown>): SweepRun {
  const stepTimes = jsonAt<object[]>(`${TIMES}/icons-${method}.json`);
  const group = more.compression ? `sched-tune-short-${method}` : `sched-tune-${method}`;
  const lr = chosenSet(group)?.['optimizer.peakLr'] ?? LRS[0];
  const set = { ...common, method: METHODS[method], 'optimizer.peakLr': lr, ...more };
  return { name, config: CONFIG, set: { ...set, ...(stepTimes ? { stepTimes } : {}) } };
}

const found = jsonAt<{ stages: object[] }>(`${SCHEDULES}/icons-v3.json`);
const strategies: Record<string, Record<string, unknown>> = {
  none: {},
  ...plainCompressions(PATCH),
  both: {
    compression: {
      stages: [{ from: 0, patchSize: 8, tokenDropout: 0.5 }, { from: 0.9 }],
    },
  },
  online: { compression: { online: { tokenDropout: [0, 0.5, 0.75], patchSize: [4, 8] } } },
  ...(found && { found: { compression: { stages: found.stages } } }),
};

const tunes = LRS.flatMap((lr, i) =>
  Object.keys(METHODS).flatMap((method) => [
    run(`sched-tune-${method}-${i}`, method, { 'optimizer.peakLr': lr, duration: { seconds: SECONDS } }),
    run(`sched-tune-short-${method}-${i}`, method, {
      'optimizer.peakLr': lr,
      duration: { seconds: SECONDS * SHARE },
      ...strategies.both,
    }),
  ]),
);

const EVERY = { 'evaluate.every': { share: 1 / 10 } };
const finals = [0, 1, 2].flatMap((seed) => [
  run(`sched-clip-whole-${seed}`, 'clip', { ...EVERY, duration: { seconds: SECONDS }, seed }),
  run(`sched-v3-whole-${seed}`, 'v3', {
    ...EVERY,
    duration: { seconds: SECONDS },
    seed,
    ...(seed === 0 && { 'checkpoint.every': { share: 0.25 }, 'checkpoint.keep': 5 }),
  }),
  ...Object.entries(strategies).flatMap(([name, set]) =>
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

export default [...tunes, ...finals];

// OpenCLIP, SigLIP and every version of FastCLIP on the icons of examples/icon-search: which settings, then which method.
// node --import jiti/register scripts/sweep.ts experiments/fastclip-icons.ts --out DIR --parallel 6 --only '^tune'
import type { SweepRun } from '../scripts/sweep.ts';

const CONFIG = 'examples/icon-search/config.ts';
const LRS = [3e-4, 6e-4, 1.2e-3];
/** Where the settings of the temperature are compared. */
const LR = 6e-4;

/** The parts of a run that a row names. */
interface Row {
  method: Record<string, unknown>;
  lr: number;
}

const clip = (temperature = 0.07) => ({ name: 'clip', temperature });
const siglip = (temperature = 0.1) => ({ name: 'siglip', temperature });
const fastclip = (version: string, more: object = {}) => ({ name: 'fastclip', version, ...more });
const tau = (init: number) => ({ temperature: { init } });

/** Six settings for each method: three learning rates, then what decides its temperature. */
export const tuning: Record<string, Row[]> = {
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
const common = {
  'data.hold': 'device',
  'data.workers': 3,
  threads: 2,
  cudaGraphs: true,
  precision: 'bfloat16',
  'batch.globalBatchSize': 128,
};

/** Without an evaluation before the end: they cost more than they tell here. */
const tunes: SweepRun[] = Object.entries(tuning).flatMap(([name, rows]) =>
  rows.map(({ method, lr }, i) => ({
    name: `tune-${name}-${i}`,
    config: CONFIG,
    set: {
      ...common,
      duration: { epochs: 8 },
      schedule: { warmup: { share: 0.1 } },
      evaluate: { retrieval: { data: { type: 'webdataset', path: 'data/icons/val-00000.tar' } } },
      method,
      'optimizer.peakLr': lr,
    },
  })),
);

/** Those that the bar is about first, then the others in turn, so that a sweep that is cut has tried as much of each. */
const first = ({ name }: SweepRun) => (/-(clip|v3)-/.test(name) ? 0 : 1);
const turn = ({ name }: SweepRun) => Number(name.at(-1));

export default tunes.sort((a, b) => first(a) - first(b) || turn(a) - turn(b));

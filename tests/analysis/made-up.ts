// An analysis whose numbers follow from formulas: bias grows with compression and over the run, variance falls with neither.

import type { Analysis, MeasuredCandidate } from '../../src/analysis/schema.ts';
import { adjustedError } from '../../src/gradient-error/estimate.ts';

const IMAGE = 64;
const PATCH = 8;
const BATCH = 256;
const DROPOUTS = [0, 0.25, 0.5, 0.75, 0.9];
const PATCHES = [8, 16];
const SHARES = [0, 0.25, 0.5, 0.75, 1];

const lengthOf = (d: number, q: number) => 1 + Math.floor((1 - d) * (IMAGE / q) ** 2 + 1e-9);
const costOf = (d: number, q: number) => (3 * lengthOf(d, q) + lengthOf(0, q)) / lengthOf(0, PATCH);
/** Of whole sequences. */
const BATCH_FORWARDS = BATCH * costOf(0, PATCH);

const around = (value: number, share: number) => ({
  value,
  low: value * (1 - share),
  high: value * (1 + share),
});

function candidateAt(d: number, q: number, progress: number): MeasuredCandidate {
  const bias = 0.24 * (1 + 4 * progress) * (d ** 3 + 0.6 * (q / PATCH - 1) ** 2);
  const variance = around(BATCH * (1 + 0.3 * d), 0.05);
  const biasSquared = { plain: bias + 0.01, ...around(bias, 0.1) };
  const cost = costOf(d, q);
  const candidate = { tokenDropout: d, patchSize: q, cost, sequenceLength: lengthOf(d, q) };
  return {
    ...candidate,
    biasSquared,
    variance,
    error: adjustedError({ biasSquared, variance }, cost / BATCH_FORWARDS),
    seconds: 2,
  };
}

/** @param scale of the bias of the image tower's gradient against the whole model's */
export function madeUpAnalysis({ scale = 0.8 }: { scale?: number } = {}): Analysis {
  const candidates = (progress: number) =>
    DROPOUTS.flatMap((d) => PATCHES.map((q) => candidateAt(d, q, progress)));
  const control = { plain: 0.02, value: 0.001, low: -0.004, high: 0.006 };
  const gradientSquared = { plain: 1.1, value: 1, low: 0.9, high: 1.1 };
  return {
    version: 2,
    run: {
      name: 'made-up',
      method: 'moco-v3',
      imageSize: IMAGE,
      patchSize: PATCH,
      device: 'cpu',
      precision: 'float32',
      seconds: 3600,
      forwards: 2e7,
    },
    settings: {
      samples: 16_384,
      subBatch: BATCH,
      folds: 8,
      batchForwards: BATCH_FORWARDS,
      seed: 0,
      datasetSize: 50_000,
    },
    snapshots: SHARES.map((share) => ({
      share,
      progress: share,
      step: 1000 * share,
      groups: {
        image: { gradientSquared, control, candidates: candidates(scale * share) },
        all: { gradientSquared, control, candidates: candidates(share) },
      },
    })),
    cost: { seconds: 412, forwards: 2.4e6 },
  };
}

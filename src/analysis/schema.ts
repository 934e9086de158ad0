// analysis.json. Errors, biases and variances are in units of the squared true gradient.
import { z } from 'zod';
import { type StepTimes, stepTimesSchema } from '../compress/index.ts';
import { checkJson, readJsonFile } from '../io/json-file.ts';
import { fromVersion1 } from './version-1.ts';

const real = z.number();
const share = z.number().min(0).max(1);
const size = z.int().min(1);
const estimate = z
  .strictObject({ value: real, low: real, high: real })
  .describe('a number and its 95 % confidence interval');
const squaredMean = z.strictObject({
  plain: real.describe("the paper's estimate, which noise makes larger"),
  value: real.describe('the cross-half estimate over all halves, without noise; may be negative'),
  low: real.describe('lower end of the 95 % confidence interval'),
  high: real.describe('upper end of the 95 % confidence interval'),
});

const candidate = z.strictObject({
  tokenDropout: z.number().min(0).lt(1).describe('share of patch tokens that is dropped'),
  patchSize: size.describe('side of a patch in pixels'),
  cost: z.number().positive().describe('cost of one sample, in forwards of a whole sequence'),
  sequenceLength: size.describe("tokens of the trained net's sequence"),
  biasSquared: squaredMean.describe('squared bias of the gradient'),
  variance: estimate.describe("variance of one sample's gradient"),
  error: estimate.describe('bias^2 + cost / batchForwards variance'),
  seconds: real.describe('seconds of this pass'),
});

const group = z.strictObject({
  gradientSquared: squaredMean.describe('squared length of the true gradient, the unit of the other numbers'),
  control: squaredMean.optional().describe('bias^2 of whole sequences on other samples: noise around zero'),
  candidates: z.array(candidate).min(1).describe('candidates, the whole sequence first'),
});

const snapshot = z.strictObject({
  share: share.describe('share of the run, as asked for'),
  progress: share.describe('share of the budget that was spent at the checkpoint'),
  step: z.int().min(0).describe('step of the checkpoint'),
  groups: z
    .record(z.string(), group)
    .describe(
      "`all` parameters that learn, the `image` tower's, and `adam`, all in the scale of Adam's steps",
    ),
});

const spent = { seconds: real.describe('seconds'), forwards: real.describe('forwards of a whole sequence') };

/** The schedule's rule compares candidates by their place, and snapshots in the order of the run. */
function sameCandidates(snapshots: z.output<typeof snapshot>[], context: z.RefinementCtx): void {
  const first = snapshots[0]!;
  const refuse = (path: PropertyKey[], message: string) =>
    context.addIssue({ code: 'custom', path, message });
  snapshots.forEach(({ groups, share }, i) => {
    if (i > 0 && share <= snapshots[i - 1]!.share)
      refuse([i, 'share'], 'expected more than in the snapshot before');
    if (Object.keys(groups).sort().join() !== Object.keys(first.groups).sort().join())
      refuse([i, 'groups'], 'expected the groups of the first snapshot');
    for (const [name, { candidates }] of Object.entries(groups))
      if (keysOf(candidates) !== keysOf(first.groups[name]?.candidates ?? []))
        refuse([i, 'groups', name, 'candidates'], 'expected those of the first snapshot, in their order');
  });
}

const keysOf = (candidates: readonly z.output<typeof candidate>[]) =>
  candidates.map(({ tokenDropout, patchSize }) => `${tokenDropout} ${patchSize}`).join();

/** The schema of analysis.json. */
const analysisSchema = z.strictObject({
  version: z.literal(2).describe('version of this format'),
  run: z.strictObject({
    name: z.string(),
    method: z.string(),
    imageSize: size,
    patchSize: size,
    device: z.string(),
    precision: z.string(),
    ...spent,
  }),
  settings: z.strictObject({
    samples: z.int().describe('samples of each gradient'),
    subBatch: z.int().describe('samples of a sub-batch'),
    folds: z.int().describe('folds of sub-batches'),
    batchForwards: z.number().positive().describe("forwards of the run's full batch on whole sequences"),
    seed: z.int(),
    datasetSize: z.int(),
  }),
  snapshots: z.array(snapshot).min(1).superRefine(sameCandidates),
  cost: z.strictObject(spent).describe('cost of the analysis itself'),
});

export type Analysis = z.output<typeof analysisSchema>;
export type AnalysisSnapshot = Analysis['snapshots'][number];
export type AnalysisGroup = AnalysisSnapshot['groups'][string];
export type MeasuredCandidate = AnalysisGroup['candidates'][number];

const EXPECTED = 'Expected the analysis.json that couplet analyze RUN writes.';

/** Reads an analysis.json, of version 1 too. Throws a CoupletError when it is missing, or is none. */
export function readAnalysis(path: string): Analysis {
  const content = fromVersion1(readJsonFile(path, z.unknown(), EXPECTED));
  return checkJson(content, analysisSchema, { where: path, todo: EXPECTED });
}

/** Reads a table of step times. Throws a CoupletError when it is missing, or is none. */
export const readStepTimes = (path: string): StepTimes =>
  readJsonFile(
    path,
    stepTimesSchema,
    'Expected what bench/step-times.ts --out writes, [{ tokenDropout, patchSize, seconds }, ...].',
  );

// analysis.json. Errors, biases and variances are in units of the squared true gradient.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { type StepTimes, stepTimesSchema } from '../compress/index.ts';
import { CoupletError } from '../errors.ts';
import { fromVersion1 } from './version-1.ts';

const real = z.number();
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
  tokenDropout: real.describe('share of patch tokens that is dropped'),
  patchSize: z.int().describe('side of a patch in pixels'),
  cost: real.describe('cost of one sample, in forwards of a whole sequence'),
  sequenceLength: z.int().describe("tokens of the trained net's sequence"),
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
  share: real.describe('share of the run, as asked for'),
  progress: real.describe('share of the budget that was spent at the checkpoint'),
  step: z.int().describe('step of the checkpoint'),
  groups: z
    .record(z.string(), group)
    .describe(
      "`all` parameters that learn, the `image` tower's, and `adam`, all in the scale of Adam's steps",
    ),
});

const spent = { seconds: real.describe('seconds'), forwards: real.describe('forwards of a whole sequence') };

/** The schema of analysis.json. */
const analysisSchema = z.strictObject({
  version: z.literal(2).describe('version of this format'),
  run: z.strictObject({
    name: z.string(),
    method: z.string(),
    imageSize: z.int(),
    patchSize: z.int(),
    device: z.string(),
    precision: z.string(),
    ...spent,
  }),
  settings: z.strictObject({
    samples: z.int().describe('samples of each gradient'),
    subBatch: z.int().describe('samples of a sub-batch'),
    folds: z.int().describe('folds of sub-batches'),
    batchForwards: real.describe("forwards of the run's full batch on whole sequences"),
    seed: z.int(),
    datasetSize: z.int(),
  }),
  snapshots: z.array(snapshot).min(1),
  cost: z.strictObject(spent).describe('cost of the analysis itself'),
});

export type Analysis = z.output<typeof analysisSchema>;
export type AnalysisSnapshot = Analysis['snapshots'][number];
export type AnalysisGroup = AnalysisSnapshot['groups'][string];
export type MeasuredCandidate = AnalysisGroup['candidates'][number];

/** Reads an analysis.json, of version 1 too. Throws a CoupletError when it is missing, or is none. */
export const readAnalysis = (path: string): Analysis =>
  readAs(path, z.preprocess(fromVersion1, analysisSchema), {
    what: 'analysis',
    expected: 'the analysis.json that couplet analyze RUN writes',
  });

/** Reads a table of step times. Throws a CoupletError when it is missing, or is none. */
export const readStepTimes = (path: string): StepTimes =>
  readAs(path, stepTimesSchema, {
    what: 'table of step times',
    expected: 'what bench/step-times.ts --out writes, [{ tokenDropout, patchSize, seconds }, ...]',
  });

function readAs<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
  { what, expected }: { what: string; expected: string },
): z.output<Schema> {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new CoupletError(`Cannot read ${path} (${(error as Error).message}): expected ${expected}.`);
  }
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data;
  const { path: keys, message } = parsed.error.issues[0]!;
  throw new CoupletError(
    `${path} is no ${what}: ${keys.join('.') || 'the file'}: ${message}. Expected ${expected}.`,
  );
}

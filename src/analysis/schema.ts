// analysis.json: what an analysis found. Errors, biases and variances are in units of the squared true gradient.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { type StepTimes, stepTimesSchema } from '../compress/index.ts';
import { CoupletError } from '../errors.ts';

const real = z.number();
const estimate = z
  .strictObject({ value: real, low: real, high: real })
  .describe('a number and its 95 % confidence interval');
const squaredMean = z.strictObject({
  plain: real.describe("the paper's estimate, which noise makes larger"),
  value: real.describe('without the noise: cross-half, over all halves; may be negative'),
  low: real,
  high: real,
});

const candidate = {
  tokenDropout: real,
  patchSize: z.int(),
  cost: real.describe('of one sample, in forwards of a whole sequence'),
  sequenceLength: z.int().describe("tokens of the trained net's sequence"),
};

const point = z.strictObject({
  ...candidate,
  biasSquared: squaredMean,
  variance: estimate.describe("of one sample's gradient"),
  error: estimate.describe('bias^2 + cost / budget variance'),
  seconds: real.describe('that this pass took'),
});

const group = z.strictObject({
  gradientSquared: squaredMean.describe('of the true gradient, as it is: what all else is divided by'),
  control: squaredMean.optional().describe('bias^2 of whole sequences on other samples: zero, but for noise'),
  points: z.array(point).min(1).describe('the first is the whole sequence'),
});

const stage = z.strictObject({
  share: real.describe('of the run, as asked for'),
  progress: real.describe('of the budget, when the checkpoint was written'),
  step: z.int(),
  groups: z.record(z.string(), group).describe('all parameters that learn; the image tower alone'),
});

const spent = { seconds: real, forwards: real };

/** The schema of analysis.json. */
export const analysisSchema = z.strictObject({
  version: z.literal(1).describe('of this format'),
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
    samples: z.int().describe('of each gradient'),
    subBatch: z.int().describe('samples of a sub-batch'),
    folds: z.int(),
    budget: real.describe('forwards of one gradient estimate'),
    seed: z.int(),
    datasetSize: z.int(),
  }),
  stages: z.array(stage).min(1),
  cost: z.strictObject(spent).describe('of the analysis itself'),
});

export type Analysis = z.output<typeof analysisSchema>;
export type AnalysisStage = Analysis['stages'][number];
export type AnalysisGroup = AnalysisStage['groups'][string];
export type AnalysisPoint = AnalysisGroup['points'][number];

/** Reads an analysis.json. Throws a CoupletError when it is missing, or is none. */
export const readAnalysis = (path: string): Analysis =>
  readAs(path, analysisSchema, {
    is: 'analysis',
    expected: 'the analysis.json that couplet analyze RUN writes',
  });

/** Reads a table of step times. Throws a CoupletError when it is missing, or is none. */
export const readStepTimes = (path: string): StepTimes =>
  readAs(path, stepTimesSchema, {
    is: 'table of step times',
    expected: 'what bench/step-times.ts --out writes, [{ tokenDropout, patchSize, seconds }, ...]',
  });

function readAs<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
  { is, expected }: { is: string; expected: string },
): z.output<Schema> {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new CoupletError(`Cannot read ${path} (${(error as Error).message}): expected ${expected}.`);
  }
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data;
  const { path: where, message } = parsed.error.issues[0]!;
  throw new CoupletError(
    `${path} is no ${is}: ${where.join('.') || 'the file'}: ${message}. Expected ${expected}.`,
  );
}

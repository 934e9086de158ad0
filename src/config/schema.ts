import { z } from 'zod';
import { compressionSchema } from '../compress/schema.ts';
import { stepTimesSchema } from '../compress/step-times.ts';
import { sourceSchema } from '../data/dataset/sources/index.ts';
import { tokenizerConfigSchema } from '../data/tokenizer/tokenizer.ts';
import { evaluateShape } from '../evaluate/registry.ts';
import { budgetSchema, durationOrNoneSchema, durationSchema } from './duration.ts';
import { type MethodRegistry, methodSchema } from './methods.ts';
import { type ModelInput, type ModelSpec, modelSpecSchema } from './model-spec.ts';
import { optimizerSchema } from './optimizer.ts';

const positive = z.number().positive();
const count = z.int().min(1);
// Far above any machine, so that a slip of the keyboard is an error and not a full memory.
const threads = count.max(1024);
const batchSize = z.int().max(2 ** 20);
const share = z.number().min(0).max(1);
const sources = z.union([sourceSchema, z.array(sourceSchema).min(1)]);
const channels = z.tuple([z.number(), z.number(), z.number()]);
const range = z
  .tuple([positive, positive])
  .refine(([least, most]) => least <= most, { error: 'expected [least, most] in that order' });

const crop = z.strictObject({
  scale: range
    .refine(([, most]) => most <= 1, { error: 'expected shares of the picture, at most 1' })
    .default([0.9, 1])
    .describe("least and greatest share of the picture's area"),
  ratio: range.default([3 / 4, 4 / 3]).describe('least and greatest width over height'),
  interpolation: z.enum(['bicubic', 'bilinear']).default('bicubic').describe('resize filter'),
});

const data = z
  .strictObject({
    train: sources.describe('training samples'),
    tokenizer: tokenizerConfigSchema.prefault({ type: 'clip' }).describe('tokenizer of the captions'),
    crop: crop.prefault({}).describe('random crop of a training picture'),
    flip: z.boolean().default(false).describe('random mirroring of training pictures, left to right'),
    mean: channels
      .default([0.48145466, 0.4578275, 0.40821073])
      .describe("mean of each channel, of pixels in [0, 1]; default OpenAI's"),
    std: channels
      .default([0.26862954, 0.26130258, 0.27577711])
      .describe("standard deviation of each channel; default OpenAI's"),
    hold: z
      .enum(['none', 'device', 'features'])
      .default('none')
      .describe(
        "what is kept of a picture; device: its pixels on the model's device, which also crops them; features: there the output of a frozen image tower",
      ),
    cache: z
      .string()
      .min(1)
      .optional()
      .describe(
        'folder that keeps decoded pictures or features for later runs, with data.hold; safe to delete',
      ),
    workers: z
      .union([z.literal('auto'), threads])
      .default('auto')
      .describe('threads that decode pictures'),
    prefetchBatches: threads.default(4).describe('batches read ahead'),
    maxBadShare: share.default(0.01).describe('share of unreadable samples above which the run stops'),
  })
  .refine(({ hold, cache }) => cache === undefined || hold !== 'none', {
    path: ['cache'],
    error:
      "it keeps what data.hold decodes or encodes: set data.hold to 'device' or 'features', or leave it out",
  });

const schedule = z.strictObject({
  warmup: durationOrNoneSchema.default({ steps: 0 }).describe('linear rise from 0 to peakLr'),
  shape: z
    .enum(['cosine', 'polynomial', 'constant'])
    .default('cosine')
    .describe('decay of the learning rate; polynomial: peakLr (1 - x ** power), x from 0 to 1'),
  power: positive.default(2).describe('power of the polynomial'),
  finalLr: z.number().min(0).default(0).describe('learning rate at the end'),
  finalWeightDecay: z
    .number()
    .min(0)
    .optional()
    .describe('weight decay at the end, along a cosine; default unchanged'),
});

const emaWeights = z.strictObject({
  momentum: z
    .number()
    .min(0)
    .lt(1)
    .default(0.9999)
    .describe('share that the average keeps in a step; at most (1 + t) / (10 + t) after t steps'),
});

const evaluate = z.strictObject({
  every: durationSchema.optional().describe('interval of evaluations; default the end only'),
  ...evaluateShape,
});

const checkpoint = z.strictObject({
  every: durationSchema.optional().describe('interval of checkpoints; default the end only'),
  keep: count.default(3).describe('number of latest checkpoints kept, besides the best'),
});

const log = z.strictObject({
  every: z
    .strictObject({ steps: count.describe('optimizer steps') })
    .default({ steps: 10 })
    .describe('interval of lines in metrics.jsonl'),
});

/** Weights are replaced by their sizes before a config is checked (weights.ts). */
const model = z
  .union([z.string().min(1), modelSpecSchema])
  .describe(
    "named model such as 'ViT-B-32', { embedDim, image, text }, or { from: weights }",
  ) as unknown as z.ZodType<string | ModelSpec, ModelInput>;

const NAME = /^[A-Za-z0-9._-]+$/;
const DEVICE = /^(auto|cpu|cuda(:\d+)?)$/;
export type DeviceName = 'auto' | 'cpu' | 'cuda' | `cuda:${number}`;

/** Unknown keys are errors; errors quote the descriptions. */
export function runConfigSchema<Registry extends MethodRegistry>(methods: Registry) {
  return z.strictObject({
    name: z
      .string()
      .regex(NAME, { error: "expected letters, digits, '.', '_' and '-'" })
      .describe("name of the run's folder; default the config file's name"),
    seed: z.int().min(0).default(0).describe('seed of weights, sample order and crops'),
    device: z
      .string()
      .regex(DEVICE, { error: "expected 'auto', 'cpu', 'cuda' or 'cuda:0'" })
      .transform((name) => name as DeviceName)
      .default('auto')
      .describe("device of the model; 'auto': CUDA if there is any"),
    precision: z
      .enum(['float32', 'bfloat16'])
      .default('float32')
      .describe('number format of a step; bfloat16: autocast, weights stay float32'),
    cudaGraphs: z
      .boolean()
      .default(false)
      .describe('recording of the step as CUDA graphs, for small models on one GPU'),
    threads: threads.optional().describe('CPU threads of libtorch; default the physical cores'),
    model,
    method: methodSchema(methods).describe('training method'),
    data: data.describe('training data'),
    compression: compressionSchema
      .optional()
      .describe(
        'shorter image sequences, for cheaper steps; one of tokenDropout with patchSize, stages, file, online',
      ),
    batch: z
      .strictObject({
        globalBatchSize: batchSize.min(2).describe('samples of a step, on all ranks together'),
        gradAccumSteps: batchSize
          .min(1)
          .default(1)
          .describe('parts of a batch, computed one after the other to save memory'),
      })
      .describe('samples of a step'),
    duration: budgetSchema.describe('length of the run'),
    stepTimes: stepTimesSchema
      .optional()
      .describe(
        'measured seconds of a step for each compression, which replace the clock of a duration in seconds',
      ),
    optimizer: optimizerSchema.prefault({}).describe('update rule of the weights'),
    emaWeights: emaWeights
      .optional()
      .describe('moving average of the weights, which evaluations measure; default none'),
    schedule: schedule.prefault({}).describe('course of the learning rate'),
    evaluate: evaluate.prefault({}).describe('measurements on held-out data'),
    checkpoint: checkpoint.prefault({}).describe('saving'),
    log: log.prefault({}).describe('metrics'),
  });
}

export type RunConfigSchema<Registry extends MethodRegistry> = ReturnType<typeof runConfigSchema<Registry>>;

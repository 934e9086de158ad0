import { z } from 'zod';
import { compressionSchema } from '../compress/schema.ts';
import { stepTimesSchema } from '../compress/step-times.ts';
import { sourceSchema } from '../data/dataset/sources/index.ts';
import { tokenizerConfigSchema } from '../data/tokenizer/tokenizer.ts';
import { evaluateShape } from '../evaluate/registry.ts';
import { budgetSchema, durationOrNoneSchema, durationSchema } from './duration.ts';
import { type MethodRegistry, methodSchema } from './methods.ts';
import { modelSpecSchema } from './model-spec.ts';
import { optimizerSchema } from './optimizer.ts';

const positive = z.number().positive();
const count = z.int().min(1);
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
    .describe("share of a picture's area in a crop, [least, most]"),
  ratio: range.default([3 / 4, 4 / 3]).describe('width over height of a crop, [least, most]'),
  interpolation: z
    .enum(['bicubic', 'bilinear'])
    .default('bicubic')
    .describe('filter that brings a crop to size'),
});

const data = z
  .strictObject({
    train: sources.describe('source of the training samples; several are joined'),
    tokenizer: tokenizerConfigSchema.prefault({ type: 'clip' }).describe('way from captions to ids'),
    crop: crop.prefault({}).describe('the random crop of a training picture'),
    flip: z.boolean().default(false).describe('mirror image of every second training picture'),
    mean: channels
      .default([0.48145466, 0.4578275, 0.40821073])
      .describe('mean of pixels in [0, 1], per channel; default that of OpenAI'),
    std: channels
      .default([0.26862954, 0.26130258, 0.27577711])
      .describe('standard deviation of pixels in [0, 1], per channel; default that of OpenAI'),
    hold: z
      .enum(['none', 'device'])
      .default('none')
      .describe('place of decoded pictures; device: decoded once, then held and cropped there'),
    cache: z
      .string()
      .min(1)
      .optional()
      .describe('folder of decoded pictures for the next run, with data.hold; may be deleted at any time'),
    workers: z
      .union([z.literal('auto'), count])
      .default('auto')
      .describe('threads that decode pictures'),
    prefetchBatches: count.default(4).describe('number of batches read ahead'),
    maxBadShare: share.default(0.01).describe('greatest share of unreadable samples; more end the run'),
  })
  .refine(({ hold, cache }) => cache === undefined || hold === 'device', {
    path: ['cache'],
    error: "it keeps what data.hold decodes: set data.hold to 'device', or leave it out",
  });

const schedule = z.strictObject({
  warmup: durationOrNoneSchema.default({ steps: 0 }).describe('linear rise from 0 to peakLr'),
  shape: z
    .enum(['cosine', 'polynomial', 'constant'])
    .default('cosine')
    .describe('course of the learning rate after the warm-up; polynomial: peakLr (1 - s ** power)'),
  power: positive.default(2).describe('power of the polynomial; 2 keeps the rate high for long'),
  finalLr: z.number().min(0).default(0).describe('learning rate at the end'),
  finalWeightDecay: z
    .number()
    .min(0)
    .optional()
    .describe('weight decay at the end, reached along half a cosine; default unchanged'),
});

const evaluate = z.strictObject({
  every: durationSchema.optional().describe('interval of evaluations; default once, at the end'),
  ...evaluateShape,
});

const checkpoint = z.strictObject({
  every: durationSchema.optional().describe('interval of checkpoints; default one, at the end'),
  keep: count.default(3).describe('number of checkpoints kept, besides the best one'),
});

const log = z.strictObject({
  every: z
    .strictObject({ steps: count.describe('optimizer steps') })
    .default({ steps: 10 })
    .describe('interval of lines in metrics.jsonl'),
});

const NAME = /^[A-Za-z0-9._-]+$/;
const DEVICE = /^(auto|cpu|cuda(:\d+)?)$/;
export type DeviceName = 'auto' | 'cpu' | 'cuda' | `cuda:${number}`;

/**
 * The schema of one run. Unknown keys are errors at every level; every field has a description, which errors quote.
 * @param methods the methods that `method.name` may choose from
 */
export function runConfigSchema<Registry extends MethodRegistry>(methods: Registry) {
  return z.strictObject({
    name: z
      .string()
      .regex(NAME, { error: "expected letters, digits, '.', '_' and '-'" })
      .describe("name of the run's folder; default the config file's name"),
    seed: z.int().min(0).default(0).describe('seed of initial weights, sample order and crops'),
    device: z
      .string()
      .regex(DEVICE, { error: "expected 'auto', 'cpu', 'cuda' or 'cuda:0'" })
      .transform((name) => name as DeviceName)
      .default('auto')
      .describe("device of the model; 'auto': CUDA where there is any"),
    precision: z
      .enum(['float32', 'bfloat16'])
      .default('float32')
      .describe('number format of a step; bfloat16: autocast, weights stay float32'),
    cudaGraphs: z
      .boolean()
      .default(false)
      .describe('capture and replay of the step as a CUDA graph; fast for small models on one GPU'),
    threads: count.optional().describe('CPU threads of libtorch; default the physical cores'),
    model: z
      .union([z.string().min(1), modelSpecSchema])
      .describe("named model such as 'ViT-B-32', or { embedDim, image, text }"),
    method: methodSchema(methods).describe('training method and its options'),
    data: data.describe('training data'),
    compression: compressionSchema
      .optional()
      .describe('shortening of image sequences, for cheaper steps; default none'),
    batch: z
      .strictObject({
        globalBatchSize: z.int().min(2).describe('samples in one optimizer step, over all ranks'),
        gradAccumSteps: count
          .default(1)
          .describe('parts of a batch on each rank, to save memory; the numbers stay the same'),
      })
      .describe('samples of a step'),
    duration: budgetSchema.describe('length of the run'),
    stepTimes: stepTimesSchema
      .optional()
      .describe('table that counts a duration in seconds instead of the clock, so that runs repeat'),
    optimizer: optimizerSchema.prefault({}).describe('update rule of the weights'),
    schedule: schedule.prefault({}).describe('course of the learning rate'),
    evaluate: evaluate.prefault({}).describe('measurements on held-out data'),
    checkpoint: checkpoint.prefault({}).describe('saving'),
    log: log.prefault({}).describe('metrics'),
  });
}

/** The schema of runs with these methods. */
export type RunConfigSchema<Registry extends MethodRegistry> = ReturnType<typeof runConfigSchema<Registry>>;

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
    .describe("crop's share of the picture's area, [least, most]"),
  ratio: range.default([3 / 4, 4 / 3]).describe('width over height of a crop, [least, most]'),
  interpolation: z.enum(['bicubic', 'bilinear']).default('bicubic').describe('filter of the resize'),
});

const data = z
  .strictObject({
    train: sources.describe('training samples; several sources are joined'),
    tokenizer: tokenizerConfigSchema.prefault({ type: 'clip' }).describe('tokenizer of the captions'),
    crop: crop.prefault({}).describe('random crop of a training picture'),
    flip: z.boolean().default(false).describe('mirror image of every second training picture'),
    mean: channels
      .default([0.48145466, 0.4578275, 0.40821073])
      .describe("mean of pixels in [0, 1], per channel; default OpenAI's"),
    std: channels
      .default([0.26862954, 0.26130258, 0.27577711])
      .describe("standard deviation of pixels, per channel; default OpenAI's"),
    hold: z
      .enum(['none', 'device'])
      .default('none')
      .describe('place of decoded pictures; device: decoded once, and cropped there'),
    cache: z
      .string()
      .min(1)
      .optional()
      .describe('folder of decoded pictures for later runs, with data.hold; safe to delete'),
    workers: z
      .union([z.literal('auto'), count])
      .default('auto')
      .describe('threads that decode pictures'),
    prefetchBatches: count.default(4).describe('batches read ahead'),
    maxBadShare: share.default(0.01).describe('greatest share of unreadable samples'),
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
    .describe('decay of the learning rate; polynomial: peakLr (1 - s ** power)'),
  power: positive.default(2).describe('power of the polynomial'),
  finalLr: z.number().min(0).default(0).describe('learning rate at the end'),
  finalWeightDecay: z
    .number()
    .min(0)
    .optional()
    .describe('weight decay at the end, along a cosine; default unchanged'),
});

const evaluate = z.strictObject({
  every: durationSchema.optional().describe('interval of evaluations; default the end only'),
  ...evaluateShape,
});

const checkpoint = z.strictObject({
  every: durationSchema.optional().describe('interval of checkpoints; default the end only'),
  keep: count.default(3).describe('number of checkpoints kept, besides the best'),
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

/** Unknown keys are errors; errors quote the descriptions. */
export function runConfigSchema<Registry extends MethodRegistry>(methods: Registry) {
  return z.strictObject({
    name: z
      .string()
      .regex(NAME, { error: "expected letters, digits, '.', '_' and '-'" })
      .describe("name of the run's folder; default the file's name"),
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
      .describe('number format of a step; bfloat16: autocast with float32 weights'),
    cudaGraphs: z
      .boolean()
      .default(false)
      .describe('CUDA graph of the step; faster for small models on one GPU'),
    threads: count.optional().describe('CPU threads of libtorch; default the physical cores'),
    model: z
      .union([z.string().min(1), modelSpecSchema])
      .describe("named model such as 'ViT-B-32', or { embedDim, image, text }"),
    method: methodSchema(methods).describe('training method and its options'),
    data: data.describe('training data'),
    compression: compressionSchema
      .optional()
      .describe('shorter image sequences, for cheaper steps; default none'),
    batch: z
      .strictObject({
        globalBatchSize: z.int().min(2).describe('samples of one step, over all ranks'),
        gradAccumSteps: count.default(1).describe('parts of a batch on each rank, to save memory'),
      })
      .describe('samples of a step'),
    duration: budgetSchema.describe('length of the run'),
    stepTimes: stepTimesSchema
      .optional()
      .describe('table that replaces the clock for a duration in seconds, so that runs repeat'),
    optimizer: optimizerSchema.prefault({}).describe('update rule of the weights'),
    schedule: schedule.prefault({}).describe('course of the learning rate'),
    evaluate: evaluate.prefault({}).describe('measurements on held-out data'),
    checkpoint: checkpoint.prefault({}).describe('saving'),
    log: log.prefault({}).describe('metrics'),
  });
}

export type RunConfigSchema<Registry extends MethodRegistry> = ReturnType<typeof runConfigSchema<Registry>>;

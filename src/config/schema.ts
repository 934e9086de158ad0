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
    .describe("share of the picture's area that a crop keeps, [least, most]"),
  ratio: range.default([3 / 4, 4 / 3]).describe('width over height of a crop, [least, most]'),
  interpolation: z.enum(['bicubic', 'bilinear']).default('bicubic').describe('how a crop is brought to size'),
});

const data = z
  .strictObject({
    train: sources.describe('where the training samples are; several sources are joined'),
    tokenizer: tokenizerConfigSchema.prefault({ type: 'clip' }).describe('how captions become ids'),
    crop: crop.prefault({}).describe('the random crop of a training picture'),
    flip: z.boolean().default(false).describe('mirror every second training picture, left to right'),
    mean: channels
      .default([0.48145466, 0.4578275, 0.40821073])
      .describe('per channel, of pixels in [0, 1]; default that of OpenAI'),
    std: channels
      .default([0.26862954, 0.26130258, 0.27577711])
      .describe('per channel, of pixels in [0, 1]; default that of OpenAI'),
    hold: z
      .enum(['none', 'device'])
      .default('none')
      .describe('device: all pictures are decoded once and held there, and cropped there from then on'),
    cache: z
      .string()
      .min(1)
      .optional()
      .describe(
        'folder in which the pictures that data.hold decodes, and small ones of evaluations, are kept for the next run; may be deleted at any time',
      ),
    workers: z
      .union([z.literal('auto'), count])
      .default('auto')
      .describe('threads that decode pictures'),
    prefetchBatches: count.default(4).describe('batches that are read ahead'),
    maxBadShare: share.default(0.01).describe('share of unreadable samples that ends the run'),
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
    .describe('the learning rate after the warm-up; polynomial: peakLr (1 - s ** power)'),
  power: positive.default(2).describe('of the polynomial; 2 keeps the rate high for long'),
  finalLr: z.number().min(0).default(0).describe('learning rate at the end'),
  finalWeightDecay: z
    .number()
    .min(0)
    .optional()
    .describe('weight decay moves to this along half a cosine; by default it stays'),
});

const evaluate = z.strictObject({
  every: durationSchema.optional().describe('how often; by default at the end only'),
  ...evaluateShape,
});

const checkpoint = z.strictObject({
  every: durationSchema.optional().describe('how often; by default at the end only'),
  keep: count.default(3).describe('checkpoints that are kept, the best one apart'),
});

const log = z.strictObject({
  every: z
    .strictObject({ steps: count.describe('optimizer steps') })
    .default({ steps: 10 })
    .describe('how often a line of metrics is written'),
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
      .describe("the run's folder; default the config file's name"),
    seed: z.int().min(0).default(0).describe('of initial weights, the order of samples, and crops'),
    device: z
      .string()
      .regex(DEVICE, { error: "expected 'auto', 'cpu', 'cuda' or 'cuda:0'" })
      .transform((name) => name as DeviceName)
      .default('auto')
      .describe("where the model lives; 'auto' is CUDA where there is any"),
    precision: z
      .enum(['float32', 'bfloat16'])
      .default('float32')
      .describe('bfloat16 is autocast: weights stay float32'),
    cudaGraphs: z
      .boolean()
      .default(false)
      .describe('record the kernels of a step and replay them: small models on one GPU gain much'),
    threads: count.optional().describe('CPU threads of libtorch; default the physical cores'),
    model: z
      .union([z.string().min(1), modelSpecSchema])
      .describe("a name, as 'ViT-B-32', or { embedDim, image, text }"),
    method: methodSchema(methods).describe('what is optimised'),
    data: data.describe('what is learnt from'),
    compression: compressionSchema
      .optional()
      .describe('how image sequences are shortened, which makes steps cheaper; by default they are whole'),
    batch: z.strictObject({
      globalBatchSize: z.int().min(2).describe('samples in one optimizer step, over all ranks'),
      gradAccumSteps: count
        .default(1)
        .describe('parts that a rank cuts its batch into, to need less memory; the numbers stay the same'),
    }),
    duration: budgetSchema.describe('when training ends'),
    stepTimes: stepTimesSchema
      .optional()
      .describe(
        'a duration in seconds is counted by this table instead of the clock: repeatable, also beside other runs on one GPU',
      ),
    optimizer: optimizerSchema.prefault({}).describe('how weights move'),
    schedule: schedule.prefault({}).describe('how the learning rate moves'),
    evaluate: evaluate.prefault({}).describe('what is measured on held-out data'),
    checkpoint: checkpoint.prefault({}).describe('what is saved'),
    log: log.prefault({}).describe('what is written down'),
  });
}

/** The schema of runs with these methods. */
export type RunConfigSchema<Registry extends MethodRegistry> = ReturnType<typeof runConfigSchema<Registry>>;

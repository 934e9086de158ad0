// Compression in a config and in a schedule.json.
import { z } from 'zod';

const dropout = z.number().min(0).lt(1);
const side = z.int().min(1);
const ABOUT = {
  tokenDropout: 'dropped share of patch tokens; default 0',
  patchSize: "side of a patch in pixels; default the model's own",
};

const stage = z.strictObject({
  from: z
    .number()
    .min(0)
    .lt(1, 'expected a share of the budget, from 0 to below 1')
    .describe("start of the stage, as a share of the run's budget"),
  tokenDropout: dropout.default(0).describe(ABOUT.tokenDropout),
  patchSize: side.optional().describe(ABOUT.patchSize),
});

const stages = z
  .array(stage)
  .min(1)
  .superRefine((list, context) => {
    list.forEach(({ from }, i) => {
      const path = [i, 'from'];
      if (i === 0 && from !== 0)
        context.addIssue({
          code: 'custom',
          path,
          message: 'expected the first stage from 0, since the run has to begin with one',
        });
      if (i > 0 && from <= list[i - 1].from)
        context.addIssue({
          code: 'custom',
          path,
          message: `expected more than the ${list[i - 1].from} of the stage before`,
        });
    });
  });

const online = z.strictObject({
  tokenDropout: z
    .array(dropout)
    .min(1)
    .optional()
    .describe('dropped shares to choose from; default 0, 0.25, 0.5, 0.75'),
  patchSize: z
    .array(side)
    .min(1)
    .optional()
    .describe("patch sides to choose from; default the model's own to twice that"),
  overhead: z.number().positive().max(0.2).default(0.03).describe('greatest share of the run for probes'),
  gradientCompute: z
    .number()
    .positive()
    .default(0.25)
    .describe('compute of one gradient, in full batches; smaller values favour shorter sequences'),
  scale: z
    .enum(['gradient', 'adam'])
    .optional()
    .describe("scale of gradient errors; adam: that of Adam's steps, default with adamw and lamb"),
});

const FORMS = [['tokenDropout', 'patchSize'], ['stages'], ['file'], ['online']] as const;

export const compressionSchema = z
  .strictObject({
    tokenDropout: dropout.optional().describe(ABOUT.tokenDropout),
    patchSize: side.optional().describe(ABOUT.patchSize),
    stages: stages
      .optional()
      .describe('compressions that follow one another; from: share of the budget where each starts'),
    file: z
      .string()
      .min(1)
      .optional()
      .describe('schedule.json that couplet schedule wrote, for this image and patch size'),
    online: online
      .optional()
      .describe('compression chosen while training, by probes (measurements of gradients)'),
  })
  .refine((config) => FORMS.filter((keys) => keys.some((key) => config[key] !== undefined)).length === 1, {
    error: 'expected tokenDropout and patchSize, or stages, or file, or online',
  });

export type CompressionConfig = z.output<typeof compressionSchema>;
export type OnlineConfig = z.output<typeof online>;
export type CompressionStage = z.output<typeof stage>;

export const scheduleFileSchema = z.strictObject({
  version: z.literal(1).describe('version of this format'),
  imageSize: side.describe('side in pixels of the images that the schedule was made for'),
  patchSize: side.describe("side in pixels of the model's own patch"),
  method: z.string().optional().describe('method that the schedule was made with'),
  stages: stages.describe('stages, as in a config'),
});

export type ScheduleFile = z.output<typeof scheduleFileSchema>;

import { z } from 'zod';
import { augmentation } from './shared/ssl-defaults.ts';

const count = z
  .int()
  .min(1)
  .max(2 ** 17);
const share = z.number().min(0).max(1);
const temperature = z.number().positive();

const localCrops = z.strictObject({
  count: z.int().min(0).max(100).default(8).describe('local crops of each picture'),
  size: count
    .optional()
    .describe(
      'side in pixels, a multiple of the patch size; default 96 for images of 224, else half the image',
    ),
  scale: z
    .tuple([share, share])
    .refine(([least, most]) => least > 0 && least <= most, {
      error: 'expected shares of the picture, [least, most]',
    })
    .default([0.05, 0.4])
    .describe("least and greatest share of the picture's area; for global crops see data.crop.scale"),
});

const teacherTemperature = z.strictObject({
  start: temperature.default(0.04).describe("the teacher's temperature at the start"),
  end: temperature.default(0.04).describe("the teacher's temperature after the warm-up; 0.07 in long runs"),
  warmup: share.default(0.3).describe('share of the run in which the temperature moves from start to end'),
});

const head = z.strictObject({
  hidden: count.default(2048).describe('width of hidden layers'),
  embedDim: count.default(256).describe('width before the last layer, where rows have length 1'),
  outputs: count.default(65536).describe('width of the compared distributions'),
  normLastLayer: z
    .boolean()
    .default(true)
    .describe('whether rows of the last layer keep length 1, for stability'),
});

export const dinoOptions = z.strictObject({
  name: z.literal('dino'),
  localCrops: localCrops.prefault({}).describe('small crops, seen by the student only'),
  studentTemperature: temperature.default(0.1).describe("divisor of the student's outputs"),
  teacherTemperature: teacherTemperature
    .prefault({})
    .describe("temperature (divisor) of the teacher's outputs"),
  centerMomentum: share
    .default(0.9)
    .describe("share of its old value that the centre of the teacher's outputs keeps in each step"),
  emaMomentum: share
    .default(0.996)
    .describe(
      'share of its old weights that the teacher keeps in each step; rises to 1 along a cosine; 0.9995 suits a batch of 256',
    ),
  freezeLastLayerEpochs: z.number().min(0).default(1).describe('epochs in which the last layer is frozen'),
  dropPath: share
    .default(0.1)
    .describe("rate of stochastic depth in the student's last block, rising from 0 in the first"),
  head: head.prefault({}).describe('head, used in training only'),
  augmentation,
});

export type DinoOptions = z.output<typeof dinoOptions>;

/** Side of a local crop in pixels. */
export function localSize({ localCrops: { size } }: DinoOptions, imageSize: number): number {
  return size ?? (imageSize === 224 ? 96 : Math.floor(imageSize / 2));
}

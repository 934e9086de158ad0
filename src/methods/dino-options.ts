import { z } from 'zod';
import { augmentation } from './shared/ssl-defaults.ts';

const count = z.int().min(1);
const share = z.number().min(0).max(1);
const temperature = z.number().positive();

const localCrops = z.strictObject({
  count: z.int().min(0).default(8).describe('local crops per picture, which only the student sees'),
  size: count
    .optional()
    .describe(
      'side of a local crop in pixels, a multiple of the patch size; default 96 for images of 224, else half of the image',
    ),
  scale: z
    .tuple([share, share])
    .refine(([least, most]) => least > 0 && least <= most, {
      error: 'expected shares of the picture, [least, most]',
    })
    .default([0.05, 0.4])
    .describe(
      "share of the picture's area in a local crop, [least, most]; global crops have data.crop.scale",
    ),
});

const teacherTemperature = z.strictObject({
  start: temperature.default(0.04).describe("the teacher's temperature at the start of the run"),
  end: temperature.default(0.04).describe("the teacher's temperature after its warm-up; 0.07 in long runs"),
  warmup: share
    .default(0.3)
    .describe('share of the run in which the temperature moves linearly from start to end'),
});

const head = z.strictObject({
  hidden: count.default(2048).describe("width of the head's hidden layers"),
  embedDim: count.default(256).describe('width of the unit rows before the last layer'),
  outputs: count.default(65536).describe('width of the distributions that student and teacher compare'),
  normLastLayer: z
    .boolean()
    .default(true)
    .describe('whether rows of the last layer keep unit length, which is stable'),
});

export const dinoOptions = z.strictObject({
  name: z.literal('dino'),
  localCrops: localCrops.prefault({}).describe('small crops besides the two global ones'),
  studentTemperature: temperature.default(0.1).describe("divisor of the student's outputs"),
  teacherTemperature: teacherTemperature
    .prefault({})
    .describe("divisor of the teacher's outputs, which sharpens them"),
  centerMomentum: share
    .default(0.9)
    .describe("share of itself that the centre of the teacher's outputs keeps in each step"),
  emaMomentum: share
    .default(0.996)
    .describe(
      'share of itself that the teacher keeps in each step, at the start; it rises to 1 along half a cosine; 0.9995 suits a batch of 256',
    ),
  freezeLastLayerEpochs: z.number().min(0).default(1).describe('epochs in which the last layer is frozen'),
  dropPath: share
    .default(0.1)
    .describe("rate of stochastic depth in the student's last block, rising from 0 in the first"),
  head: head.prefault({}).describe('head that only training uses'),
  augmentation,
});

export type DinoOptions = z.output<typeof dinoOptions>;

/** Side of a local crop in pixels. */
export function localSize({ localCrops: { size } }: DinoOptions, imageSize: number): number {
  return size ?? (imageSize === 224 ? 96 : Math.floor(imageSize / 2));
}

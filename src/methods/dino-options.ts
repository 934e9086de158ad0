import { z } from 'zod';
import { augmentation } from './shared/ssl-defaults.ts';

const count = z.int().min(1);
const share = z.number().min(0).max(1);
const temperature = z.number().positive();

const localCrops = z.strictObject({
  count: z.int().min(0).default(8).describe('how many of each picture; only the student sees them'),
  size: count
    .optional()
    .describe('side in pixels, a multiple of the patch; default 96 of 224, else half of the image'),
  scale: z
    .tuple([share, share])
    .refine(([least, most]) => least > 0 && least <= most, {
      error: 'expected shares of the picture, [least, most]',
    })
    .default([0.05, 0.4])
    .describe("share of the picture's area, [least, most]; data.crop.scale is that of global crops"),
});

const teacherTemperature = z.strictObject({
  start: temperature.default(0.04).describe('at the start of the run'),
  end: temperature.default(0.04).describe('after the warm-up; 0.07 in the long runs'),
  warmup: share.default(0.3).describe('share of the run in which it moves, evenly, from start to end'),
});

const head = z.strictObject({
  hidden: count.default(2048).describe('width of the hidden layers'),
  embedDim: count.default(256).describe('width of the rows of unit length before the last layer'),
  outputs: count.default(65536).describe('width of the distributions that student and teacher compare'),
  normLastLayer: z
    .boolean()
    .default(true)
    .describe('rows of the last layer keep length one: stable; false lets them grow'),
});

export const dinoOptions = z.strictObject({
  name: z.literal('dino'),
  localCrops: localCrops.prefault({}).describe('small crops, beside two global ones'),
  studentTemperature: temperature.default(0.1).describe("divides the student's outputs"),
  teacherTemperature: teacherTemperature.prefault({}).describe("divides the teacher's outputs: sharpens"),
  centerMomentum: share
    .default(0.9)
    .describe("share that the centre of the teacher's outputs keeps of itself"),
  emaMomentum: share
    .default(0.996)
    .describe(
      'share that the teacher keeps of itself at first; it rises to 1 along half a cosine; 0.9995 for a batch of 256',
    ),
  freezeLastLayerEpochs: z.number().min(0).default(1).describe('epochs before the last layer moves'),
  dropPath: share
    .default(0.1)
    .describe('stochastic depth of the student: of its last block, rising from none in the first'),
  head: head.prefault({}).describe('the head that only training has'),
  augmentation,
});

export type DinoOptions = z.output<typeof dinoOptions>;

/** Side of a local crop in pixels. */
export function localSize({ localCrops: { size } }: DinoOptions, imageSize: number): number {
  return size ?? (imageSize === 224 ? 96 : Math.floor(imageSize / 2));
}

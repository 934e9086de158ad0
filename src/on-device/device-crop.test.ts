import { describe, expect, test } from 'vitest';
import type { Interpolation } from '../data/pictures/crop.ts';
import { boxView } from '../data/pictures/decode.ts';
import { resample } from '../data/pictures/resample.ts';
import { Draws } from '../data/random.ts';
import { scope, tensor } from '../torch/index.ts';
import { CropAxes, type Cut } from './crop-axes.ts';
import { cropByAxes, linesOf } from './device-crop.ts';

/** Fills canvases around pictures and boxes, so that reading there shows. */
const CANVAS = 40;
const COUNT = 24;

interface Picture {
  width: number;
  height: number;
  data: Uint8Array;
}

/** Noise, every other picture smooth, of all sizes up to the canvas. */
function pictures(seed: number): Picture[] {
  return Array.from({ length: COUNT }, (_, k) => {
    const draws = new Draws(seed, k);
    const [width, height] = [1 + draws.below(CANVAS), 1 + draws.below(CANVAS)];
    const wave = 1 + draws.below(9);
    const data = new Uint8Array(width * height * 3);
    for (let i = 0; i < data.length; i++) {
      const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
      data[i] = k % 2 ? draws.below(256) : 127 + 120 * Math.sin((x + 2 * y) / wave + (i % 3));
    }
    return { width, height, data };
  });
}

function randomCut({ width, height }: Picture, draws: Draws): Cut {
  const [w, h] = [1 + draws.below(width), 1 + draws.below(height)];
  const box = { x: draws.below(width - w + 1), y: draws.below(height - h + 1), width: w, height: h };
  return { box, flip: draws.unit() < 0.5 };
}

/** [COUNT, CANVAS, CANVAS, 3], pictures in the upper left, 255 around them. */
function canvases(all: readonly Picture[]): Uint8Array {
  const bytes = new Uint8Array(COUNT * CANVAS * CANVAS * 3).fill(255);
  all.forEach(({ width, height, data }, k) => {
    for (let y = 0; y < height; y++)
      bytes.set(data.subarray(y * width * 3, (y + 1) * width * 3), (k * CANVAS + y) * CANVAS * 3);
  });
  return bytes;
}

function compare(size: number, interpolation: Interpolation): { maxDifference: number; equal: number } {
  const all = pictures(size);
  const draws = new Draws(size, 99);
  const cuts = all.map((picture) => randomCut(picture, draws));
  const bytes = size * size * 3;
  const expected = new Uint8Array(COUNT * bytes);
  for (const [k, { box, flip }] of cuts.entries())
    resample(all[k]!, { ...boxView(box, size, flip), interpolation }, expected, k * bytes);
  const actual = scope(() => {
    const held = tensor(canvases(all), [COUNT, CANVAS, CANVAS, 3]);
    const axes = new CropAxes(COUNT, size);
    for (const [row, cut] of cuts.entries()) axes.set(row, cut);
    const crops = cropByAxes(linesOf(held), tensor(axes.numbers), { size, interpolation });
    return crops.select(0, 0).toArray() as Uint8Array;
  });
  const apart = actual.map((byte, i) => Math.abs(byte - expected[i]!));
  return {
    maxDifference: apart.reduce((a, b) => Math.max(a, b)),
    equal: apart.filter((d) => d === 0).length / apart.length,
  };
}

describe('cropByAxes', () => {
  test.each([
    [5, 'bicubic'],
    [5, 'bilinear'],
    [16, 'bicubic'],
    [16, 'bilinear'],
    [64, 'bicubic'],
    [64, 'bilinear'],
  ] as const)(
    'to %i pixels, %s: data/resample.ts to a byte, and 995 of 1000 equal',
    (size, interpolation) => {
      // Sums just between two bytes differ: most often in the smallest pictures, whose weights are simple fractions.
      const { maxDifference, equal } = compare(size, interpolation);
      expect(maxDifference).toBeLessThanOrEqual(1);
      expect(equal).toBeGreaterThan(0.995);
    },
  );
});

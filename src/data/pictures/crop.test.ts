import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Draws, hash32, purpose } from '../random.ts';
import { centerCrop, drawCrop, fitWithin, randomResizedCrop } from './crop.ts';

const side = fc.integer({ min: 1, max: 3000 });
const limits = { scale: [0.2, 1], ratio: [3 / 4, 4 / 3] } as const;

describe('randomResizedCrop', () => {
  test('property: the box lies within the picture', () => {
    const property = fc.property(side, side, fc.integer(), (width, height, seed) => {
      const box = randomResizedCrop({ width, height }, limits, new Draws(Math.abs(seed)));
      expect(box.width >= 1 && box.height >= 1 && box.x >= 0 && box.y >= 0).toBe(true);
      expect(box.x + box.width <= width && box.y + box.height <= height).toBe(true);
    });
    fc.assert(property, { seed: 1, numRuns: 500 });
  });

  test('area and aspect follow the limits, and reach both ends', () => {
    const boxes = Array.from({ length: 2000 }, (_, k) =>
      randomResizedCrop({ width: 1000, height: 1000 }, limits, new Draws(k)),
    );
    const areas = boxes.map((box) => (box.width * box.height) / 1e6);
    const aspects = boxes.map((box) => box.width / box.height);
    expect(Math.min(...areas)).toBeGreaterThan(0.199);
    expect(Math.min(...areas)).toBeLessThan(0.21);
    expect(Math.max(...areas)).toBeGreaterThan(0.97);
    expect(Math.min(...aspects)).toBeGreaterThan(0.748);
    expect(Math.max(...aspects)).toBeLessThan(1.336);
    // Log-uniform: half are taller than wide.
    expect(Math.abs(aspects.filter((aspect) => aspect < 1).length / 2000 - 0.5)).toBeLessThan(0.04);
    // A box may touch the far side.
    expect(boxes.some((box) => box.width < 900 && box.x + box.width > 995)).toBe(true);
    expect(boxes.some((box) => box.width < 900 && box.x < 5)).toBe(true);
  });

  test('a picture too long for any box gives the central one', () => {
    const narrow = randomResizedCrop(
      { width: 300, height: 10 },
      { scale: [0.9, 1], ratio: [3 / 4, 4 / 3] },
      new Draws(1),
    );
    expect(narrow).toEqual({ x: 143, y: 0, width: 13, height: 10 });
    const tall = randomResizedCrop(
      { width: 9, height: 400 },
      { scale: [0.9, 1], ratio: [3 / 4, 4 / 3] },
      new Draws(1),
    );
    expect(tall).toEqual({ x: 0, y: 194, width: 9, height: 12 });
  });
});

describe('drawCrop', () => {
  const image = { width: 90, height: 70 };
  const keys = Array.from({ length: 4000 }, (_, id) => ({ seed: 3, epoch: 1, id, view: 1 }));
  const flips = (flip: number) => keys.map((key) => drawCrop(image, { ...limits, flip }, key).flip);

  test('mirrors the share of views that it is told, and of fewer a part of the same', () => {
    for (const share of [0.2, 0.5, 0.9]) {
      const flippedShare = flips(share).filter(Boolean).length / keys.length;
      expect(Math.abs(flippedShare - share)).toBeLessThan(5 * Math.sqrt((share * (1 - share)) / keys.length));
    }
    expect(flips(0).some(Boolean)).toBe(false);
    expect(flips(1).every(Boolean)).toBe(true);
    const often = flips(0.5);
    expect(flips(0.2).every((flip, k) => !flip || often[k])).toBe(true);
  });

  test('a half is one bit of a hash of seed, epoch, id and view, and the box has draws of its own', () => {
    const bits = keys.map(
      ({ seed, epoch, id, view }) => hash32([seed, epoch, id, view, purpose.flip]) % 2 === 1,
    );
    expect(flips(0.5)).toEqual(bits);
    const { seed, epoch, id, view } = keys[7]!;
    const box = randomResizedCrop(image, limits, new Draws(seed, epoch, id, view, purpose.crop));
    expect(drawCrop(image, { ...limits, flip: 1 }, keys[7]!).box).toEqual(box);
  });
});

describe('fitWithin', () => {
  test('shrinks the longer side to the square, never enlarges, and leaves a pixel of the thinnest', () => {
    expect(fitWithin({ width: 500, height: 375 }, 128)).toEqual({ width: 128, height: 96 });
    expect(fitWithin({ width: 30, height: 64 }, 64)).toEqual({ width: 30, height: 64 });
    expect(fitWithin({ width: 3, height: 2000 }, 100)).toEqual({ width: 1, height: 100 });
  });
});

describe('centerCrop', () => {
  test('is torchvision Resize and CenterCrop', () => {
    expect(centerCrop({ width: 500, height: 375 }, 224)).toEqual({
      resized: { width: 298, height: 224 },
      window: { x: 37, y: 0, width: 224, height: 224 },
    });
    // (227 - 224) / 2 = 1.5 and (229 - 224) / 2 = 2.5 both round to 2.
    expect(centerCrop({ width: 224, height: 227 }, 224).window.y).toBe(2);
    expect(centerCrop({ width: 224, height: 229 }, 224).window.y).toBe(2);
    expect(centerCrop({ width: 3, height: 3 }, 8).resized).toEqual({ width: 8, height: 8 });
  });
});

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Box, Interpolation } from './crop.ts';
import { resample } from './resample.ts';

interface Golden {
  width: number;
  height: number;
  box: [number, number, number, number];
  size: [number, number];
  interpolation: Interpolation;
  pixels: string;
}

const golden = new URL('../../../tests/data/resample-pillow.golden.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(golden, 'utf8')) as { cases: Golden[] };

/** The picture that tests/data/resample-pillow.py makes. */
function picture(width: number, height: number): { data: Uint8Array; width: number } {
  const value = (x: number, y: number, c: number) =>
    ((x * x * 7 + y * 13 * (c + 1) + x * y * 3 + c * 50) * 37) >> 2;
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return value(pixel % width, Math.floor(pixel / width), i % 3) & 255;
  });
  return { data, width };
}

const whole = (width: number, height: number): Box => ({ x: 0, y: 0, width, height });

describe('resample', () => {
  // @proves resample
  test.each(cases)('equals Pillow byte for byte: $width x $height to $size $interpolation', (one) => {
    const [x, y, width, height] = one.box;
    const resized = { width: one.size[0], height: one.size[1] };
    const target = new Uint8Array(resized.width * resized.height * 3);
    const { interpolation } = one;
    const how = {
      box: { x, y, width, height },
      resized,
      window: whole(...one.size),
      flip: false,
      interpolation,
    };
    resample(picture(one.width, one.height), how, target);
    expect(Buffer.from(target).equals(Buffer.from(one.pixels, 'base64'))).toBe(true);
  });

  test('a window is that part of the whole, and a flip mirrors it', () => {
    const resized = { width: 40, height: 30 };
    const base = { box: { x: 4, y: 2, width: 50, height: 60 }, resized, interpolation: 'bicubic' } as const;
    const all = new Uint8Array(40 * 30 * 3);
    resample(picture(64, 64), { ...base, window: whole(40, 30), flip: false }, all);
    const part = new Uint8Array(10 * 12 * 3 + 5);
    resample(
      picture(64, 64),
      { ...base, window: { x: 7, y: 9, width: 10, height: 12 }, flip: true },
      part,
      5,
    );
    for (let y = 0; y < 12; y++) {
      for (let x = 0; x < 10; x++) {
        const from = ((y + 9) * 40 + 7 + 9 - x) * 3;
        expect(part.slice(5 + (y * 10 + x) * 3, 8 + (y * 10 + x) * 3)).toEqual(all.slice(from, from + 3));
      }
    }
    expect(part.slice(0, 5)).toEqual(new Uint8Array(5));
  });

  test('property: a flat picture stays flat, whatever the sizes', () => {
    const sizes = fc.tuple(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 70 }));
    const property = fc.property(
      sizes,
      sizes,
      fc.integer({ min: 0, max: 255 }),
      fc.boolean(),
      (from, to, level, cubic) => {
        const data = new Uint8Array(from[0] * from[1] * 3).fill(level);
        const target = new Uint8Array(to[0] * to[1] * 3);
        const interpolation = cubic ? 'bicubic' : 'bilinear';
        const resized = { width: to[0], height: to[1] };
        resample(
          { data, width: from[0] },
          { box: whole(...from), resized, window: whole(...to), flip: cubic, interpolation },
          target,
        );
        expect(target.every((byte) => byte === level)).toBe(true);
      },
    );
    fc.assert(property, { seed: 1, numRuns: 100 });
  });
});

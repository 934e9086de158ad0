import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { boxView, cutLarge, cutPlan, cutSmall, decodePixels, openPicture } from './decode.ts';

const limits = { minSide: 8, maxPixels: 1e8 };

/** A smooth picture in which place, scale and colour all show. */
async function waves(width: number, height: number): Promise<Buffer> {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y, c] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3];
    return 128 + 110 * Math.sin((x / width) * (7 + c) + (y / height) * (5 - c));
  });
  return sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 98, chromaSubsampling: '4:4:4' })
    .toBuffer();
}

describe('a view cut by libvips', () => {
  test.each([
    ['a little smaller', 400, 300, { x: 31, y: 12, width: 330, height: 270 }, 224],
    ['larger', 400, 300, { x: 200, y: 100, width: 90, height: 110 }, 224],
    ['much smaller, from a photo', 2000, 1500, { x: 301, y: 122, width: 1500, height: 1203 }, 64],
  ] as const)('equals the one resampled in TypeScript: %s', async (_name, width, height, box, side) => {
    const picture = await openPicture(await waves(width, height), limits);
    const view = boxView({ ...box }, side, true);
    const [vips, ours] = [new Uint8Array(side * side * 3), new Uint8Array(side * side * 3)];
    await cutLarge(picture, view, { target: vips, offset: 0, interpolation: 'bicubic' });
    cutSmall(await decodePixels(picture), view, { target: ours, offset: 0, interpolation: 'bicubic' });
    const off = Array.from(vips, (byte, i) => Math.abs(byte - ours[i]!));
    expect(off.reduce((a, b) => Math.max(a, b))).toBeLessThanOrEqual(8);
    expect(off.reduce((a, b) => a + b, 0) / off.length).toBeLessThan(1.5);
  });

  test('is cut after the resize when it shrinks strongly, so that a JPEG can be decoded small', () => {
    const size = { width: 2000, height: 1500 };
    const strong = cutPlan(size, boxView({ x: 1000, y: 500, width: 1000, height: 1000 }, 100, false));
    expect(strong).toEqual({
      resized: { width: 200, height: 150 },
      after: { x: 100, y: 50, width: 100, height: 100 },
    });
    const weak = cutPlan(size, boxView({ x: 1000, y: 500, width: 390, height: 1000 }, 100, false));
    expect(weak).toEqual({
      before: { x: 1000, y: 500, width: 390, height: 1000 },
      resized: { width: 100, height: 100 },
    });
  });
});

describe('openPicture', () => {
  test('reads the size of every kind from its header', async () => {
    const made = sharp({ create: { width: 37, height: 21, channels: 3, background: 'red' } });
    const kinds = [
      made.clone().jpeg(),
      made.clone().jpeg({ progressive: true }),
      made.clone().png(),
      made.clone().webp(),
    ];
    kinds.push(made.clone().webp({ lossless: true }), made.clone().webp().withMetadata({ orientation: 1 }));
    for (const kind of kinds)
      expect((await openPicture(await kind.toBuffer(), limits)).size).toEqual({ width: 37, height: 21 });
    const turned = await made.clone().jpeg().withMetadata({ orientation: 6 }).toBuffer();
    expect((await openPicture(turned, limits)).size).toEqual({ width: 21, height: 37 });
  });

  test('refuses cut headers and other files, without a crash', async () => {
    const jpeg = await waves(40, 40);
    for (const end of [0, 1, 3, 15, 16, 20, 40, 100]) {
      await expect(openPicture(jpeg.subarray(0, end), limits)).rejects.toThrow(/not a JPEG|empty/);
    }
    await expect(openPicture(Buffer.from('GIF89a and more bytes than that'), limits)).rejects.toThrow(
      /not a JPEG/,
    );
  });
});

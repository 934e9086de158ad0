import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { photo } from '../../../tests/data/photo.ts';
import type { Interpolation } from './crop.ts';
import {
  boxView,
  centerView,
  cutLarge,
  cutPlan,
  cutSmall,
  decodePixels,
  openPicture,
  type Picture,
  type View,
} from './decode.ts';

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

interface Golden {
  picture: [width: number, height: number];
  interpolation: Interpolation;
  pixels: string;
}
const golden = JSON.parse(
  readFileSync(new URL('../../../tests/data/large-crops-pillow.golden.json', import.meta.url), 'utf8'),
) as {
  crops: (Golden & { box: [number, number, number, number]; size: [number, number] })[];
  middles: (Golden & { side: number })[];
};

/** Mean difference of bytes. */
function difference(actual: Uint8Array, expected: Uint8Array): number {
  expect(actual.length).toBe(expected.length);
  return actual.reduce((sum, byte, i) => sum + Math.abs(byte - expected[i]!), 0) / actual.length;
}

const photos = new Map<string, Promise<Picture>>();
/** A PNG of tests/data/photo.ts, made once. */
function photoOf(width: number, height: number): Promise<Picture> {
  const make = async () => {
    const png = sharp(photo(width, height), { raw: { width, height, channels: 3 } }).png();
    return openPicture(await png.toBuffer(), limits);
  };
  const key = `${width}x${height}`;
  photos.set(key, photos.get(key) ?? make());
  return photos.get(key)!;
}

async function cut(picture: Picture, view: View, interpolation: Interpolation): Promise<Uint8Array> {
  const target = new Uint8Array(view.window.width * view.window.height * 3);
  await cutLarge(picture, view, { target, offset: 0, interpolation });
  return target;
}

/** Of 255. */
const BAR = 0.3;

describe('a view of a large picture', () => {
  test.each(golden.crops)("is Pillow's: $box to $size, $interpolation", async (one) => {
    const [[x, y, width, height], [side]] = [one.box, one.size];
    const view = boxView({ x, y, width, height }, side, false);
    const result = await cut(await photoOf(...one.picture), view, one.interpolation);
    expect(difference(result, Buffer.from(one.pixels, 'base64'))).toBeLessThan(BAR);
  });

  test.each(golden.middles)("of an evaluation is torchvision's: $picture to $side", async (one) => {
    const picture = await photoOf(...one.picture);
    const result = await cut(picture, centerView(picture.size, one.side), one.interpolation);
    expect(difference(result, Buffer.from(one.pixels, 'base64'))).toBeLessThan(BAR);
  });

  test('of a JPEG, mirrored, equals the one of its decoded pixels: all sizes, larger and smaller', async () => {
    const jpeg = await sharp((await photoOf(1000, 750)).bytes)
      .jpeg({ quality: 95 })
      .toBuffer();
    const picture = await openPicture(jpeg, limits);
    const pixels = await decodePixels(picture);
    for (const side of [32, 96, 224, 384])
      for (const [width, height] of [
        [20, 25],
        [90, 400],
        [300, 150],
        [700, 60],
        [600, 740],
        [1000, 750],
      ] as const)
        for (const interpolation of ['bicubic', 'bilinear'] as const) {
          const view = boxView({ x: 1000 - width, y: 750 - height, width, height }, side, true);
          const ours = new Uint8Array(side * side * 3);
          cutSmall(pixels, view, { target: ours, offset: 0, interpolation });
          const off = difference(await cut(picture, view, interpolation), ours);
          expect(off, `${width} x ${height} to ${side}, ${interpolation}`).toBeLessThan(BAR);
        }
  });

  test('libvips resizes where it is near Pillow; a strong shrink takes steps of less than 4', () => {
    const plan = (width: number, height: number, side: number) =>
      cutPlan(boxView({ x: 0, y: 0, width, height }, side, false));
    expect(plan(300, 250, 224)).toEqual({ shrinks: [], last: 'libvips' });
    expect(plan(300, 250, 256)).toEqual({ shrinks: [], last: 'own' });
    expect(plan(1000, 750, 224)).toEqual({ shrinks: [{ width: 784, height: 750 }], last: 'libvips' });
    for (const [width, height, side] of [
      [2000, 20, 1],
      [5, 5, 1],
      [9000, 6000, 2],
      [4000, 4000, 32],
    ] as const) {
      const { shrinks } = plan(width, height, side);
      const sizes = [{ width, height }, ...shrinks, { width: side, height: side }];
      for (const [i, { width, height }] of sizes.slice(1).entries())
        expect(Math.max(sizes[i]!.width / width, sizes[i]!.height / height)).toBeLessThan(4);
    }
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

describe('CMYK', () => {
  interface Cmyk {
    size: [width: number, height: number];
    jpeg: string;
    rgb: string;
  }
  const pillow = JSON.parse(
    readFileSync(new URL('../../../tests/data/cmyk-pillow.golden.json', import.meta.url), 'utf8'),
  ) as Record<'adobe' | 'plain', Cmyk>;

  test.each(['adobe', 'plain'] as const)("without a profile becomes Pillow's RGB: %s", async (name) => {
    const { size, jpeg, rgb } = pillow[name];
    const picture = await openPicture(Buffer.from(jpeg, 'base64'), limits);
    const { data, width, height } = await decodePixels(picture);
    expect([width, height]).toEqual(size);
    expect(Buffer.from(data).equals(Buffer.from(rgb, 'base64'))).toBe(true);
    expect([...data.subarray(0, 3)]).toEqual([0, 255, 0]); // pure green
  });

  test('is turned by EXIF, and cut', async () => {
    const jpeg = Buffer.from(pillow.adobe.jpeg, 'base64');
    const tiff = '4d4d002a00000008000101120003000000010006000000000000'; // one tag: orientation 6
    const exif = Buffer.from(`ffe10022457869660000${tiff}`, 'hex');
    const bytes = Buffer.concat([jpeg.subarray(0, 2), exif, jpeg.subarray(2)]);
    const picture = await openPicture(bytes, limits);
    const [height, width] = pillow.adobe.size;
    expect(picture.size).toEqual({ width, height });
    const { data } = await decodePixels(picture);
    expect([...data.subarray(0, 3)]).toEqual([0, 255, 0]);
    const bottom = (height - 1) * width * 3;
    expect([...data.subarray(bottom, bottom + 3)]).toEqual([0, 0, 0]);
    const result = await cut(picture, boxView({ x: 0, y: 0, width: 8, height: 8 }, 4, true), 'bicubic');
    expect([...result]).toEqual(Array.from({ length: 16 }, () => [0, 255, 0]).flat());
  });

  test('with a profile is converted by it', async () => {
    const green = sharp({ create: { width: 16, height: 16, channels: 3, background: '#00ff00' } });
    const jpeg = green.withIccProfile('cmyk').jpeg({ quality: 100, chromaSubsampling: '4:4:4' });
    const picture = await openPicture(await jpeg.toBuffer(), limits);
    expect(picture.header.isPlainCmyk).toBe(false);
    const [r, g, b] = (await decodePixels(picture)).data;
    expect(g! - Math.max(r!, b!)).toBeGreaterThan(40);
    expect([r, g, b]).not.toEqual([0, 255, 0]); // no ink is so green
  });
});

import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { contrast } from './colours.ts';
import { isColoured, rasterise, readDrawing, svgOf } from './drawing.ts';
import { PLAIN, type Pose, poseOf } from './pose.ts';

const SIZE = 32;
const still: Pose = { ...PLAIN, ink: '#ff0000', background: '#0000ff', scale: 0.5, x: 0, y: 1, weight: 0 };
const square = '<svg viewBox="0 0 24 24"><path d="M0 0h24v24H0z"/></svg>';
const line =
  '<svg class="x" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2"><path stroke="none" d="M0 0h24v24H0z" fill="none"/><path d="M0 12h24"/></svg>';

/** Red, green and blue of each pixel, and which of them are ink rather than background. */
async function drawn(svg: string, pose: Pose) {
  const { data } = await sharp(await rasterise(svgOf(readDrawing(svg), pose, SIZE)))
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const isInk = (x: number, y: number) => data[3 * (y * SIZE + x)]! > 127;
  return { data, isInk, inked: data.filter((value, at) => at % 3 === 0 && value > 127).length };
}

describe('a drawing', () => {
  it('lies where its pose says, in its colours', async () => {
    const { data, isInk } = await drawn(square, still);
    expect([...data.subarray(0, 3)]).toEqual([0, 0, 255]);
    expect([...data.subarray(3 * (SIZE - 1) * SIZE, 3 * (SIZE - 1) * SIZE + 3)]).toEqual([255, 0, 0]);
    for (let y = 0; y < SIZE; y++) {
      for (let x = 0; x < SIZE; x++) expect(isInk(x, y)).toBe(x < SIZE / 2 && y >= SIZE / 2);
    }
  });

  it('turns about the middle', async () => {
    const { isInk } = await drawn(square, { ...still, angle: 90 });
    expect([isInk(4, 28), isInk(4, 4), isInk(28, 4), isInk(28, 28)]).toEqual([false, true, false, false]);
  });

  it('of lines has thicker ones with more weight, and no frame', async () => {
    const whole = { ...still, scale: 1 };
    const thin = await drawn(line, { ...whole, weight: 0 });
    const thick = await drawn(line, { ...whole, weight: 1 });
    expect(thin.isInk(16, 0)).toBe(false);
    // 2 of 24 units times 0.6 is 1.6 of 32 pixels; times 1.4 is 3.7.
    expect(thin.inked).toBe(2 * SIZE);
    expect(thick.inked).toBe(4 * SIZE);
  });

  it('of shapes grows with weight', async () => {
    const [light, heavy] = [
      await drawn(square, still),
      await drawn(square, { ...still, weight: 1, scale: 0.75 }),
    ];
    expect(light.inked).toBe((SIZE / 2) ** 2);
    expect(heavy.inked).toBeGreaterThanOrEqual((0.75 * SIZE) ** 2);
  });

  it('is 16 colours at most, the same bytes each time, and small', async () => {
    const circle = '<svg viewBox="0 0 16 16"><circle cx="8" cy="8" r="6"/></svg>';
    const svg = svgOf(readDrawing(circle), poseOf('circle'), 64);
    const png = await rasterise(svg);
    expect(await rasterise(svg)).toEqual(png);
    expect(png.length).toBeLessThan(1200);
    const { data } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    const colours = new Set(
      Array.from({ length: 64 * 64 }, (_, at) => data.subarray(3 * at, 3 * at + 3).join()),
    );
    expect(colours.size).toBeGreaterThan(2);
    expect(colours.size).toBeLessThanOrEqual(16);
  });

  it('is told from one with colours of its own, and from what is none', () => {
    expect(isColoured(readDrawing(line))).toBe(false);
    expect(isColoured(readDrawing(square.replace('<path', '<path fill="#242424"')))).toBe(false);
    expect(isColoured(readDrawing(square.replace('<path', '<path fill="#ffd23e"')))).toBe(true);
    expect(() => readDrawing('<svg><path d="M0 0"/></svg>')).toThrow('viewBox');
  });

  it('is known by what it draws, not by its root', () => {
    const other = line.replace('class="x"', 'class="y"').replace('><path d', '>\n  <path d');
    expect(readDrawing(other).body).toBe(readDrawing(line.replace('><path d', '> <path d')).body);
  });
});

describe('colours', () => {
  it('have the contrast that WCAG counts', () => {
    expect(contrast('#000000', '#ffffff')).toBeCloseTo(21, 10);
    expect(contrast('#ffffff', '#777777')).toBeCloseTo(4.48, 2);
    expect(contrast('#123456', '#123456')).toBe(1);
  });

  it('of every pose can be told apart, a third of them on white, and are the same on every run', () => {
    const poses = Array.from({ length: 600 }, (_, index) => poseOf(`key ${index}`));
    expect(Math.min(...poses.map(({ ink, background }) => contrast(ink, background)))).toBeGreaterThanOrEqual(
      3,
    );
    expect(poses.filter(({ background }) => background === '#ffffff').length / 600).toBeCloseTo(1 / 3, 1);
    expect(poses.map((_, index) => poseOf(`key ${index}`))).toEqual(poses);
  });

  it('and places stay in the picture', () => {
    for (let index = 0; index < 100; index++) {
      const { scale, x, y, angle } = poseOf(`key ${index}`);
      expect(Math.max(scale, x, y)).toBeLessThan(1);
      expect(Math.abs(angle)).toBeLessThanOrEqual(6);
    }
  });
});

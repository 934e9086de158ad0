import { describe, expect, test } from 'vitest';
import { randomResizedCrop } from '../../src/data/pictures/crop.ts';
import { Draws } from '../../src/data/random.ts';
import { readJson } from './golden.ts';

interface Case {
  size: [width: number, height: number];
  scale: [number, number];
  ratio: [number, number];
  /** What each try drew: a share of the area, and the logarithm of the aspect. */
  tries: [share: number, logAspect: number][];
  /** Where the last try was put; null: none of ten fitted. */
  place: [top: number, left: number] | null;
  box: [top: number, left: number, height: number, width: number];
}
const { cases } = readJson<{ cases: Case[] }>('crop.golden.json');

/** Draws what torchvision drew. */
class Replayed extends Draws {
  readonly #units: number[];

  constructor({ size, scale, ratio, tries, place, box }: Case) {
    super(0);
    const logRatio = ratio.map(Math.log);
    const share = (value: number, [low, high]: readonly number[]) => (value - low!) / (high! - low!);
    this.#units = tries.flatMap(([area, aspect]) => [share(area, scale), share(aspect, logRatio)]);
    if (!place) return;
    const [[width, height], [top, left], [, , h, w]] = [size, place, box];
    this.#units.push((left + 0.5) / (width - w + 1), (top + 0.5) / (height - h + 1));
  }

  override unit(): number {
    return this.#units.shift()!;
  }

  get left(): number {
    return this.#units.length;
  }
}

describe("torchvision's RandomResizedCrop", () => {
  test.each([
    ['a try that fits', cases.filter(({ place, tries }) => place && tries.length === 1)],
    ['some that do not', cases.filter(({ place, tries }) => place && tries.length > 1)],
    ['none of ten', cases.filter(({ place }) => !place)],
  ])('the same box from the same draws: %s', (_, some) => {
    expect(some.length).toBeGreaterThan(5);
    for (const one of some) {
      const draws = new Replayed(one);
      const [top, left, height, width] = one.box;
      const [w, h] = one.size;
      expect(randomResizedCrop({ width: w, height: h }, one, draws), JSON.stringify(one)).toEqual({
        x: left,
        y: top,
        width,
        height,
      });
      expect(draws.left).toBe(0);
    }
  });
});

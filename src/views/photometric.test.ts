import { describe, expect, it } from 'vitest';
import { CoupletError } from '../errors.ts';
import { memoryStats, scope, type Tensor, tensor } from '../torch/index.ts';
import { blur, blurRadius } from './blur.ts';
import { COLUMNS, column, drawPhotometric } from './draws.ts';
import { applyPhotometric, applyToViews } from './photometric.ts';
import { groupViews, type ViewRecipe } from './recipe.ts';
import { mocoV3Recipes, simclrRecipes } from './recipes.ts';

const SIDE = 6;
const COUNT = 40;
const positions = Array.from({ length: COUNT }, (_, i) => i);
const bytes = (count = COUNT, side = SIDE) =>
  Uint8Array.from({ length: count * side * side * 3 }, (_, i) => (i * i * 31 + i * 57) >> 3);
const images = (count = COUNT) => tensor(bytes(count), [count, SIDE, SIDE, 3]);
const [, second] = mocoV3Recipes(SIDE);
const plain: ViewRecipe = { size: SIDE, crop: second.crop, flip: 0.5 };

describe('applyPhotometric', () => {
  it('is the same tensor when the recipe has no photometric step', () => {
    scope(() => {
      const pictures = images();
      const draws = drawPhotometric(plain, { seed: 1, positions, view: 0 });
      expect(applyPhotometric(pictures, plain, draws)).toBe(pictures);
      const off: ViewRecipe = { ...plain, solarize: 0, blur: { probability: 0, sigma: [1, 2] } };
      expect(applyPhotometric(pictures, off, draws)).toBe(pictures);
    });
  });

  it('leaves rows without a step as they were, to the bit, and its input too', () => {
    scope(() => {
      const pictures = images().to('float32');
      const before = pictures.toNumbers();
      const draws = drawPhotometric(second, { seed: 1, positions, view: 1 });
      const after = applyPhotometric(pictures, second, draws);
      expect(pictures.toNumbers()).toEqual(before);
      expect(after.shape).toEqual([COUNT, SIDE, SIDE, 3]);
      const isTouched = (row: number) =>
        draws[row * COLUMNS + column.hueTurn]! >= 0 ||
        [column.grayscale, column.sigma, column.solarize].some((which) => draws[row * COLUMNS + which]! > 0);
      const same = positions.filter((row) => String(rowOf(after, row)) === String(rowOf(pictures, row)));
      const untouched = positions.filter((row) => !isTouched(row));
      expect(untouched.length).toBeGreaterThan(0);
      expect(same).toEqual(untouched);
    });
  });

  it('each row alone gives what it gives in the batch', () => {
    scope(() => {
      const draws = drawPhotometric(second, { seed: 2, positions, view: 1 });
      const together = applyPhotometric(images(), second, draws);
      for (const row of positions) {
        const alone = applyPhotometric(
          images().narrow(0, row, 1),
          second,
          draws.slice(row * COLUMNS, (row + 1) * COLUMNS),
        );
        const [a, b] = [alone.toNumbers(), rowOf(together, row)];
        expect(Math.max(...a.map((value, i) => Math.abs(value - b[i]!)))).toBeLessThan(1e-3);
      }
    });
  });

  it('stays within bytes and is finite, whatever the draws', () => {
    scope(() => {
      const [view] = simclrRecipes(SIDE, { strength: 2.5 });
      const many = Array.from({ length: 2000 }, (_, i) => i);
      const draws = drawPhotometric({ ...view, solarize: 0.3 }, { seed: 3, positions: many, view: 0 });
      const values = applyPhotometric(images(2000), { ...view, solarize: 0.3 }, draws).toNumbers();
      expect(values.every((value) => value > -1e-3 && value < 255.001)).toBe(true);
    });
  });

  it('keeps one tensor', () => {
    scope(() => {
      const pictures = images();
      const draws = drawPhotometric(second, { seed: 1, positions, view: 1 });
      applyPhotometric(pictures, second, draws); // makes the constants of the process
      const { liveTensors } = memoryStats();
      applyPhotometric(pictures, second, draws);
      expect(memoryStats().liveTensors).toBe(liveTensors + 1);
    });
  });

  it('refuses pictures of another size and draws of another batch', () => {
    scope(() => {
      const draws = drawPhotometric(second, { seed: 1, positions, view: 1 });
      expect(() => applyPhotometric(images(3), second, draws)).toThrow(CoupletError);
      expect(() => applyPhotometric(images(3), second, draws)).toThrow(
        /3 pictures need 3 rows of draws, there are 40/,
      );
      expect(() => applyPhotometric(images(), { ...second, size: 8 }, draws)).toThrow(
        /8 x 8 pixels, these have 6 x 6/,
      );
    });
  });
});

describe('applyToViews', () => {
  it('gives each view what it gets alone, views without a step and of other sizes among them', () => {
    scope(() => {
      const small: ViewRecipe = { ...second, size: 4 };
      const recipes = [...mocoV3Recipes(SIDE), plain, small, { ...second, blur: undefined }];
      const views = recipes.map(({ size }, view) =>
        tensor(bytes(COUNT, size), [COUNT, size, size, 3]).add(view),
      );
      const draws = (view: number) => drawPhotometric(recipes[view]!, { seed: 4, positions, view });
      const together = applyToViews(views, recipes, draws);
      expect(together[2]).toBe(views[2]);
      for (const [view, recipe] of recipes.entries()) {
        const alone = applyPhotometric(views[view]!, recipe, draws(view)).toNumbers();
        const ours = together[view]!.toNumbers();
        expect(ours).toHaveLength(alone.length);
        expect(Math.max(...alone.map((value, i) => Math.abs(value - ours[i]!)))).toBeLessThan(1e-3);
      }
    });
  });
});

describe('groupViews', () => {
  it('puts views of one key together, in order, as many as may be', () => {
    const recipes = [6, 6, 4, 6, 4].map((size) => ({ ...plain, size }));
    const key = ({ size }: ViewRecipe) => `${size}`;
    expect(groupViews(recipes, { key, maxViews: () => 9 })).toEqual([
      [0, 1, 3],
      [2, 4],
    ]);
    expect(groupViews(recipes, { key, maxViews: ({ size }) => (size === 6 ? 2.5 : 0.1) })).toEqual([
      [0, 1],
      [2],
      [3],
      [4],
    ]);
  });
});

describe('blur', () => {
  // @proves blur
  it('keeps a plain picture, and spreads a point by the square of the Gaussian', () => {
    scope(() => {
      const side = 21;
      const sigma = 1.5;
      const radius = blurRadius(sigma, side);
      const point = new Float32Array(side * side * 3);
      point[(10 * side + 10) * 3] = 1;
      const planes = tensor(point, [1, side, side, 3]).permute(0, 3, 1, 2);
      const blurred = blur(planes, { sigma: tensor([sigma], [1, 1, 1, 1]), radius })
        .select(1, 0)
        .toNumbers();
      const weight = (d: number) => (Math.abs(d) > radius ? 0 : Math.exp((-d * d) / (2 * sigma * sigma)));
      const total = Array.from({ length: side }, (_, i) => weight(i - 10)).reduce((a, b) => a + b);
      blurred.forEach((value, i) => {
        const expected = (weight((i % side) - 10) * weight(Math.floor(i / side) - 10)) / total ** 2;
        expect(value).toBeCloseTo(expected, 6);
      });
      const flat = tensor(new Float32Array(side * side * 3).fill(200), [1, 3, side, side]);
      const kept = blur(flat, { sigma: tensor([sigma], [1, 1, 1, 1]), radius }).toNumbers();
      expect(kept.every((value) => Math.abs(value - 200) < 1e-3)).toBe(true);
    });
  });

  it('never reads past one mirror image: the radius stays below the side', () => {
    expect(blurRadius(2, 224)).toBe(8);
    expect(blurRadius(2, 4)).toBe(3);
    expect(blurRadius(2, 1)).toBe(0);
  });
});

function rowOf(batch: Tensor, row: number): number[] {
  return batch.select(0, row).toNumbers();
}

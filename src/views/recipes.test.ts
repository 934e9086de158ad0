import { describe, expect, it } from 'vitest';
import { augmentationSchema, withAugmentation } from './augmentation.ts';
import { isPhotometric } from './recipe.ts';
import { dinoRecipes, mocoV3Recipes, simclrRecipes } from './recipes.ts';

describe("the papers' recipes", () => {
  // @proves mocoV3Recipes
  it('MoCo v3: one view always blurred, the other rarely and solarized at times', () => {
    const [first, second] = mocoV3Recipes(224);
    expect(first.blur).toEqual({ probability: 1, sigma: [0.1, 2] });
    expect(second.blur).toEqual({ probability: 0.1, sigma: [0.1, 2] });
    expect([first.solarize, second.solarize]).toEqual([undefined, 0.2]);
    expect(first.crop.scale).toEqual([0.08, 1]);
  });

  // @proves mocoV3Recipes
  it('SimCLR: the strength scales the jitter, and blur can be left out', () => {
    const [view] = simclrRecipes(32, { strength: 0.5, blur: false });
    expect(view.colorJitter).toEqual({
      probability: 0.8,
      brightness: 0.4,
      contrast: 0.4,
      saturation: 0.4,
      hue: 0.1,
    });
    expect(view.blur).toBeUndefined();
    expect(simclrRecipes(224)[1].blur?.probability).toBe(0.5);
    expect(() => simclrRecipes(32, { strength: 3 })).toThrow(/expected 0 to 2.5.*got 3/);
  });

  // @proves mocoV3Recipes
  it('DINO: two global views, then the local ones', () => {
    const views = dinoRecipes({ globalSize: 224, localSize: 96, localCrops: 3 });
    expect(views.map(({ size }) => size)).toEqual([224, 224, 96, 96, 96]);
    expect(views.map(({ blur }) => blur?.probability)).toEqual([1, 0.1, 0.5, 0.5, 0.5]);
    expect(views.map(({ crop }) => crop.scale[0])).toEqual([0.4, 0.4, 0.05, 0.05, 0.05]);
  });
});

describe('overrides', () => {
  const [first, second] = mocoV3Recipes(32);

  it('change what they name and nothing else, view by view', () => {
    const overrides = augmentationSchema.parse({ blur: { sigma: [0.1, 0.5] }, colorJitter: { hue: 0 } });
    const [a, b] = [withAugmentation(first, overrides), withAugmentation(second, overrides)];
    expect(a.blur).toEqual({ probability: 1, sigma: [0.1, 0.5] });
    expect(b.blur).toEqual({ probability: 0.1, sigma: [0.1, 0.5] });
    expect(b.colorJitter).toEqual({ ...second.colorJitter, hue: 0 });
    expect(b.solarize).toBe(0.2);
    expect(first).toEqual(mocoV3Recipes(32)[0]);
  });

  it('switch steps off, and on where the method has none', () => {
    const off = withAugmentation(second, { colorJitter: false, blur: false, grayscale: 0, solarize: 0 });
    expect(isPhotometric(off)).toBe(false);
    const on = withAugmentation(
      { size: 32, crop: first.crop, flip: 0.5 },
      { blur: {}, colorJitter: undefined },
    );
    expect(on.blur).toEqual({ probability: 0.5, sigma: [0.1, 2] });
    expect(on.colorJitter).toBeUndefined();
  });

  it('are checked', () => {
    for (const bad of [
      { colorJitter: { hue: 0.6 } },
      { blur: { sigma: [2, 1] } },
      { blur: true },
      { solarize: 2 },
      { solarise: 0.2 },
    ]) {
      expect(augmentationSchema.safeParse(bad).success).toBe(false);
    }
  });
});

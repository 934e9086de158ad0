import { describe, expect, test } from 'vitest';
import { parseConfig } from '../config/index.ts';
import { CoupletError } from '../errors.ts';
import type { ViewRecipe } from '../views/recipe.ts';
import { findMethod, methods } from './index.ts';

const configWith = (method: object) =>
  parseConfig({
    model: 'ViT-Ti-16',
    method,
    data: { train: { type: 'folder', path: 'photos', labelled: false } },
    batch: { globalBatchSize: 64 },
    duration: { epochs: 1 },
  } as never);

function viewsOf(name: string, augmentation?: object): ViewRecipe[] {
  const { method, data } = configWith({ name, ...(augmentation && { augmentation }) });
  return findMethod(name).views({ options: method, imageSize: 224, data: data as never });
}

const refusal = (method: object): string => {
  try {
    configWith(method);
  } catch (error) {
    if (error instanceof CoupletError) return error.message;
    throw error;
  }
  return 'accepted';
};

const augmented = Object.keys(methods).filter((name) => 'augmentation' in findMethod(name).options.shape);

describe.each(augmented)('augmentation of %s', (name) => {
  const published = viewsOf(name);
  const { passes, options } = findMethod(name);
  const views = passes({ options: options.parse({ name }), imageSize: 224 }).flatMap((pass) => pass.views);
  const count = new Set(views).size;

  test('blur: false takes the blur from every view, and nothing else', () => {
    expect(published.map(({ blur }) => blur !== undefined)).toEqual(Array(count).fill(true));
    const sharp = viewsOf(name, { blur: false });
    expect(sharp.some((view) => 'blur' in view)).toBe(false);
    expect(sharp).toEqual(published.map(({ blur: _, ...rest }) => rest));
  });

  // @proves mocoV3Recipes
  test('a number changes that number in every view; the others stay as each view has them', () => {
    const changed = viewsOf(name, { colorJitter: { hue: 0.03 }, blur: { sigma: [0.1, 0.5] } });
    expect(changed).toEqual(
      published.map((view) => ({
        ...view,
        colorJitter: { ...view.colorJitter, hue: 0.03 },
        blur: { ...view.blur, sigma: [0.1, 0.5] },
      })),
    );
  });

  test('left out, or without keys, it changes nothing', () => {
    expect(viewsOf(name, {})).toEqual(published);
  });

  test('a misspelt key is refused by its path, and the right one named', () => {
    expect(refusal({ name, augmentation: { solarise: 0.2 } })).toMatch(
      /method\.augmentation\.solarise.*solarize/,
    );
    expect(refusal({ name, augmentation: { blur: { sigmas: [0.1, 1] } } })).toMatch(
      /method\.augmentation\.blur\.sigmas.*sigma/,
    );
    expect(refusal({ name, augmentations: { blur: false } })).toMatch(/method\.augmentations.*augmentation/);
  });
});

test('methods that take one plain crop have no such option', () => {
  expect(refusal({ name: 'fastclip', augmentation: { blur: false } })).toContain('method.augmentation');
});

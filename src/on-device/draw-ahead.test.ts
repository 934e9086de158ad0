import { expect, test } from 'vitest';
import { dinoRecipes } from '../views/recipes.ts';
import { DrawAhead, drawInPlace } from './draw-ahead.ts';
import type { DrawContext } from './step-draws.ts';

const COUNT = 8;
const context: DrawContext = {
  sizes: Int32Array.from({ length: 60 }, (_, i) => (i < 6 ? 0 : 20 + i)), // the first three samples are bad
  side: 64,
  recipes: dinoRecipes({ globalSize: 32, localSize: 16, localCrops: 2 }),
  seed: 3,
};
const placeOf = (step: number) => ({ position: step * COUNT, count: COUNT });

test('a thread draws what would be drawn here, from any step on', async () => {
  const [here, ahead] = [drawInPlace(context, placeOf), new DrawAhead(context, placeOf)];
  for (let step = 5; step < 15; step++) {
    const [expected, actual] = [await here.drawsOf(step), await ahead.drawsOf(step)];
    expect(actual).toEqual(expected);
    expect([...actual.ids].some((id) => id < 3n)).toBe(false);
  }
  await ahead.close();
});

test('an error reaches whoever takes the step, and so does the end', async () => {
  const none = new DrawAhead({ ...context, sizes: new Int32Array(60) }, placeOf);
  await expect(none.drawsOf(0)).rejects.toThrow(/No usable sample was found/);
  await none.close();
  await expect(none.drawsOf(1)).rejects.toThrow();
});

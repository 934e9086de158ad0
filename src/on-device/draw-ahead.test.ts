import { expect, test } from 'vitest';
import { dinoRecipes } from '../views/recipes.ts';
import { DrawAhead, drawerHere } from './draw-ahead.ts';
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
  const [here, ahead] = [drawerHere(context, placeOf), new DrawAhead(context, placeOf)];
  for (let step = 5; step < 15; step++) {
    const [expected, found] = [await here.take(step), await ahead.take(step)];
    expect(found).toEqual(expected);
    expect([...found.ids].some((id) => id < 3n)).toBe(false);
  }
  await ahead.close();
});

test('an error reaches whoever takes the step, and so does the end', async () => {
  const none = new DrawAhead({ ...context, sizes: new Int32Array(60) }, placeOf);
  await expect(none.take(0)).rejects.toThrow(/No usable sample was found/);
  await none.close();
  await expect(none.take(1)).rejects.toThrow();
});

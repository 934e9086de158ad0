import { expect, test } from 'vitest';
import { batchAt, clock, lossOf, makeMethod } from '../../tests/contract/method-fixture.ts';
import type { StepContext } from '../time/clock.ts';
import { scope } from '../torch/index.ts';
import { simclr } from './simclr.ts';

const NAME = 'simclr';
const compressed = (tokenDropout: number, patchSize = 8): StepContext => ({
  ...clock(0),
  compression: { tokenDropout, patchSize },
});

test('one net for both views: the loss is the same whichever comes first', () => {
  const method = makeMethod(NAME, { precision: 'float64' }); // views come in another order
  scope(() => {
    const batch = batchAt(0, NAME);
    const loss = (views = batch.views) => lossOf(method, { ...batch, views }, clock(0)).loss.item();
    expect(loss([...batch.views].reverse())).toBeCloseTo(loss(), 12);
    expect(loss([batch.views[0], batch.views[0]])).toBeLessThan(loss()); // nothing to learn
  });
  method.dispose();
});

// @proves passes
test('both views are compressed, with masks of their own', () => {
  const method = makeMethod(NAME);
  scope(() => {
    const batch = batchAt(0, NAME);
    const views = (clock: StepContext) =>
      method
        .features(batch, clock)
        .views.unbind(1)
        .map((view) => view.toNumbers());
    const [whole, dropped, scaled] = [views(compressed(0)), views(compressed(0.5)), views(compressed(0, 16))];
    for (const view of [0, 1]) {
      expect(dropped[view]).not.toEqual(whole[view]);
      expect(scaled[view]).not.toEqual(whole[view]);
    }
    const same = { ...batch, views: [batch.views[0], batch.views[0]] };
    const [one, two] = method.features(same, compressed(0.5)).views.unbind(1);
    expect(one.toNumbers()).not.toEqual(two.toNumbers());
  });
  method.dispose();
});

test('costs 6 forward passes; the projector is as deep and wide as asked', () => {
  const image = { imageSize: 224, patchSize: 16, width: 768, layers: 12, heads: 12 } as never;
  const options = simclr.options.parse({ name: NAME });
  const cost = (tokenDropout: number) =>
    simclr.cost({ options, model: { image }, compression: { tokenDropout, patchSize: 16 } });
  expect(cost(0)).toBe(6);
  expect(cost(0.75)).toBeCloseTo((6 * 50) / 197, 10);
  const method = makeMethod(NAME, { options: { projector: { layers: 2, hidden: 20, embedDim: 12 } } });
  const shapes = [...method.params].filter(([name, { dim }]) => name.startsWith('projector.') && dim === 2);
  expect(shapes.map(([name, { shape }]) => [name, ...shape])).toEqual([
    ['projector.0.weight', 20, 16],
    ['projector.3.weight', 12, 20],
  ]);
  method.dispose();
});

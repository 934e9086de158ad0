import { describe, expect, test } from 'vitest';
import {
  batchAt,
  clock,
  lossOf,
  makeMethod,
  makeOptimizer,
  trainStep,
} from '../../tests/contract/method-fixture.ts';
import { error } from '../../tests/contract/numbers.ts';
import { parseConfig } from '../config/index.ts';
import type { StepContext } from '../time/clock.ts';
import { scope, type Tensor } from '../torch/index.ts';
import type { Batch, Method } from './index.ts';
import { mocoV3 } from './moco-v3.ts';

const NAME = 'moco-v3';
const MOVING = 'momentum_encoder.';
const swapped = (batch: Batch): Batch => ({ ...batch, views: [...batch.views].reverse() });
const featuresOf = (method: Method, context: StepContext) =>
  scope(() => {
    const { queries, keys } = method.features(batchAt(0, NAME), context);
    return {
      queries: queries.toNumbers(),
      keys: keys.toNumbers(),
      requires: [queries, keys].map((t) => t.requiresGrad),
    };
  });

describe('the momentum encoder', () => {
  // @proves follow
  test('starts as the base encoder, has all of its names, and no optimizer moves it', () => {
    const method = makeMethod(NAME);
    const copies = [...method.model].filter(([name]) => name.startsWith(MOVING));
    expect(copies.length).toBeGreaterThan(20);
    for (const [name, tensor] of copies) {
      expect(tensor.toArray(), name).toEqual(method.model.get(name.slice(MOVING.length))!.toArray());
      expect(tensor.requiresGrad, name).toBe(false);
    }
    expect([...method.params.keys()].filter((name) => name.startsWith(MOVING))).toEqual([]);
    expect([...method.model.keys()].filter((name) => name.startsWith('predictor.')).length).toBeGreaterThan(
      0,
    );
    expect(featuresOf(method, clock(0)).requires).toEqual([true, false]);
    method.dispose();
  });

  // @proves follow
  test.each([0, 30, 60])('step %i of 60: m follows half a cosine from 0.99 to 1', (step) => {
    const method = makeMethod(NAME);
    const m = 1 - 0.5 * (1 + Math.cos((Math.PI * step) / 60)) * 0.01;
    const name = 'projector.3.weight';
    const [base, copy] = [method.model.get(name)!, method.model.get(MOVING + name)!];
    base.set_(Float32Array.from(base.toNumbers(), (v) => 3 * v - 0.1));
    const expected = copy.toNumbers().map((v, i) => m * v + (1 - m) * base.toNumbers()[i]);
    scope(() => {
      const { next, metrics } = lossOf(method, batchAt(0, NAME), clock(step));
      expect(metrics.ema_momentum.item()).toBeCloseTo(m, 6);
      method.commit(next, clock(step));
    });
    expect(error(copy.toNumbers(), expected)).toBeLessThan(1e-6);
    method.dispose();
  });
});

test('frozen: the patch projection, unless asked otherwise; fixed positions have no place among the parameters', () => {
  const [frozen, learned] = [makeMethod(NAME), makeMethod(NAME, { options: { frozenPatches: false } })];
  const patches = ['backbone.patch_embed.proj.weight', 'backbone.patch_embed.proj.bias'];
  for (const name of patches) {
    expect(frozen.model.has(name)).toBe(true);
    expect([frozen.params.has(name), learned.params.has(name)]).toEqual([false, true]);
  }
  expect([...frozen.params].every(([name, tensor]) => frozen.decays!(name, tensor))).toBe(true); // biases too
  frozen.dispose();
  learned.dispose();
});

describe('the loss', () => {
  // @proves #contrast
  test('symmetric: the same whichever view comes first; one way: it depends on it, and is a part of the other', () => {
    const [both, one] = [makeMethod(NAME), makeMethod(NAME, { options: { symmetric: false } })];
    for (const [key, tensor] of one.model) tensor.set_(both.model.get(key) as Tensor);
    const loss = (method: Method, batch: Batch) => lossOf(method, batch, clock(0)).loss.item();
    scope(() => {
      const batch = batchAt(0, NAME);
      const whole = loss(both, batch);
      expect(loss(both, swapped(batch))).toBeCloseTo(whole, 5);
      const parts = [loss(one, batch), loss(one, swapped(batch))];
      expect(parts[0]).not.toBeCloseTo(parts[1], 3);
      expect(parts[0] + parts[1]).toBeCloseTo(whole, 5);
    });
    both.dispose();
    one.dispose();
  });
});

describe('compression (table 1.2)', () => {
  const compressed = (tokenDropout: number, patchSize = 8, step = 0): StepContext => ({
    ...clock(step),
    compression: { tokenDropout, patchSize },
  });

  // @proves passes
  test('tokens are dropped from queries alone, others in each step; patches are scaled for both', () => {
    const method = makeMethod(NAME);
    const whole = featuresOf(method, clock(0));
    expect(featuresOf(method, compressed(0))).toEqual(whole);
    const dropped = featuresOf(method, compressed(0.5));
    expect(dropped.keys).toEqual(whole.keys);
    expect(dropped.queries).not.toEqual(whole.queries);
    expect(featuresOf(method, compressed(0.5))).toEqual(dropped);
    expect(featuresOf(method, compressed(0.5, 8, 1)).queries).not.toEqual(dropped.queries);
    const scaled = featuresOf(method, compressed(0, 16));
    expect(scaled.keys).not.toEqual(whole.keys);
    expect(scaled.queries).not.toEqual(whole.queries);
    method.dispose();
  });

  test('masks of the two views of a picture are independent', () => {
    const method = makeMethod(NAME);
    scope(() => {
      const batch = batchAt(0, NAME);
      const same = { ...batch, views: [batch.views[0], batch.views[0]] };
      const [one, two] = method.features(same, compressed(0.5)).queries.unbind(1);
      expect(one.toNumbers()).not.toEqual(two.toNumbers());
    });
    method.dispose();
  });

  // @proves passes
  test('evaluation never sees it', () => {
    const method = makeMethod(NAME);
    const optimizer = makeOptimizer(method);
    trainStep(NAME, method, optimizer, 0);
    scope(() => {
      const [images] = batchAt(1, NAME).views;
      const before = method.encodeImages(images).toNumbers();
      lossOf(method, batchAt(1, NAME), compressed(0.5, 8));
      expect(method.encodeImages(images).toNumbers()).toEqual(before);
    });
    method.dispose();
    optimizer.dispose();
  });

  test.each([
    [false, 0, 16, 4],
    [true, 0, 16, 8],
    [false, 0.25, 16, 3.254],
    [false, 0.75, 16, 1.761],
    [false, 0.9, 16, 1.305],
  ])('symmetric %s, d = %s: section 1.6 says %s', (symmetric, tokenDropout, patchSize, cost) => {
    const image = { imageSize: 224, patchSize: 16, width: 768, layers: 12, heads: 12 } as never;
    const options = mocoV3.options.parse({ name: NAME, symmetric });
    expect(mocoV3.cost({ options, model: { image }, compression: { tokenDropout, patchSize } })).toBeCloseTo(
      cost,
      3,
    );
  });
});

test('a short config starts from the recipe of the paper; what a person writes goes over it', () => {
  const config = parseConfig({
    model: 'ViT-Ti-16',
    method: { name: NAME },
    data: { train: { type: 'folder', path: 'photos', labelled: false }, crop: { scale: [0.2, 1] } },
    batch: { globalBatchSize: 64 },
    duration: { epochs: 1 },
    optimizer: { peakLr: 1e-3 },
  } as never);
  expect(config.optimizer).toMatchObject({
    name: 'adamw',
    peakLr: 1e-3,
    weightDecay: 0.1,
    beta2: 0.999,
    eps: 1e-8,
  });
  expect(config.data).toMatchObject({ flip: true, mean: [0.485, 0.456, 0.406] });
  expect(config.method).toMatchObject({
    symmetric: true,
    temperature: 0.2,
    heads: { hidden: 4096, embedDim: 256 },
  });
  const views = mocoV3.views({ options: config.method as never, imageSize: 224, data: config.data as never });
  expect(views.map(({ crop }) => crop)).toEqual(
    Array(2).fill({ scale: [0.2, 1], ratio: [3 / 4, 4 / 3], interpolation: 'bilinear' }),
  );
  expect(views.map(({ blur, solarize, flip }) => [blur!.probability, solarize, flip])).toEqual([
    [1, undefined, 0.5],
    [0.1, 0.2, 0.5],
  ]);
  const plain = mocoV3.views({
    options: config.method as never,
    imageSize: 224,
    data: { ...config.data, flip: false } as never,
  });
  expect(plain.map(({ flip }) => flip)).toEqual([0, 0]);
});

import { describe, expect, test } from 'vitest';
import { batchAt, clock, lossOf, makeMethod } from '../../tests/contract/method-fixture.ts';
import { error } from '../../tests/contract/numbers.ts';
import { parseConfig } from '../config/index.ts';
import { type StepContext, stepContextAt } from '../time/clock.ts';
import { scope } from '../torch/index.ts';
import { dino } from './dino.ts';
import type { Method } from './index.ts';

const NAME = 'dino';
const STILL = { dropPath: 0 };
const SMALL = { head: { hidden: 24, embedDim: 8, outputs: 16 } };
const featuresOf = (method: Method, context: StepContext) =>
  scope(() => {
    const { student, teacher } = method.features(batchAt(0, NAME), context);
    return {
      globals: student.narrow(1, 0, 2).toNumbers(),
      locals: student.narrow(1, 2, 2).toNumbers(),
      teacher: teacher.toNumbers(),
      requires: [student.requiresGrad, teacher.requiresGrad],
    };
  });

test('the teacher starts as the student and follows it; its gradient is nobody’s', () => {
  const method = makeMethod(NAME);
  const student = method.model.get('head.mlp.0.weight')!;
  const teacher = method.model.get('teacher.head.mlp.0.weight')!;
  expect(teacher.toArray()).toEqual(student.toArray());
  expect([...method.params.keys()].some((name) => name.startsWith('teacher.'))).toBe(false);
  expect(featuresOf(method, clock(0)).requires).toEqual([true, false]);
  student.set_(Float32Array.from(student.toNumbers(), (v) => v + 1));
  const m = 1 - 0.5 * (1 + Math.cos(Math.PI / 3)) * 0.004;
  const expected = teacher.toNumbers().map((v, i) => m * v + (1 - m) * student.toNumbers()[i]);
  scope(() => method.commit(lossOf(method, batchAt(0, NAME), clock(20)).next, clock(20)));
  expect(error(teacher.toNumbers(), expected)).toBeLessThan(1e-6);
  method.dispose();
});

test('the last layer is frozen for the first epoch; its lengths are for good, unless asked otherwise', () => {
  const [method, free] = [
    makeMethod(NAME),
    makeMethod(NAME, {
      options: {
        head: { hidden: 24, embedDim: 8, outputs: 16, normLastLayer: false },
        freezeLastLayerEpochs: 0,
      },
    }),
  ];
  const run = { totalSteps: 60, globalBatchSize: 6, datasetSize: 20 };
  expect([...method.frozen!(stepContextAt(3, run))]).toEqual(['head.last_layer.weight_v']); // epoch 0.9
  expect([...method.frozen!(stepContextAt(4, run))]).toEqual([]); // epoch 1.2
  expect(method.params.has('head.last_layer.weight_g')).toBe(false);
  expect(method.model.has('teacher.head.last_layer.weight_g')).toBe(true);
  expect(free.params.has('head.last_layer.weight_g')).toBe(true);
  expect([...free.frozen!(stepContextAt(0, run))]).toEqual([]);
  method.dispose();
  free.dispose();
});

test('a run too short for its teacher is told so, with what helps', () => {
  const [usual, quick] = [makeMethod(NAME), makeMethod(NAME, { options: { ...SMALL, emaMomentum: 0.98 } })];
  expect(usual.advice!(1200)).toMatch(/in 1200 steps .* 0\.996 .*longer, or lower method\.emaMomentum/);
  expect(usual.advice!(2499)).toBeDefined();
  for (const enough of [2500, 100_000, Number.POSITIVE_INFINITY])
    expect(usual.advice!(enough)).toBeUndefined();
  expect(quick.advice!(1200)).toBeUndefined();
  usual.dispose();
  quick.dispose();
});

test('no weight decay on biases and gains; class token and positions have it, as released', () => {
  const method = makeMethod(NAME);
  const spared = [...method.params]
    .filter(([name, tensor]) => !method.decays!(name, tensor))
    .map(([name]) => name);
  expect(spared.length).toBeGreaterThan(5);
  expect(spared.every((name) => /\.bias$|norm\d?\.weight$/.test(name))).toBe(true);
  expect(spared).not.toContain('backbone.pos_embed');
  method.dispose();
});

// @proves #teacherTemperature
test("the teacher's temperature rises evenly over its warm-up, then stays", () => {
  const method = makeMethod(NAME, {
    options: { teacherTemperature: { start: 0.04, end: 0.07, warmup: 0.5 } },
  });
  const temperatureAt = (step: number) =>
    scope(() => lossOf(method, batchAt(0, NAME), clock(step)).metrics.teacher_temperature.item());
  for (const [step, temperature] of [
    [0, 0.04],
    [10, 0.05],
    [15, 0.055],
    [30, 0.07],
    [59, 0.07],
  ])
    expect(temperatureAt(step), `step ${step}`).toBeCloseTo(temperature, 6);
  method.dispose();
});

// @proves teacherDistribution
test('the centre starts at zero and moves by a tenth towards the mean of the teacher, in commit() alone', () => {
  const method = makeMethod(NAME);
  const center = method.state.get('center')!;
  expect(new Set(center.toNumbers())).toEqual(new Set([0]));
  scope(() => {
    const { next } = lossOf(method, batchAt(0, NAME), clock(0));
    expect(new Set(center.toNumbers())).toEqual(new Set([0]));
    method.commit(next, clock(0));
    const first = center.toNumbers();
    expect(Math.max(...first.map(Math.abs))).toBeGreaterThan(0.01);
    expect(Math.max(...first.map(Math.abs))).toBeLessThanOrEqual(0.1); // outputs are cosines
    // The teacher has not moved.
    method.commit(lossOf(method, batchAt(0, NAME), clock(0)).next, clock(0));
    expect(
      error(
        center.toNumbers(),
        first.map((v) => 1.9 * v),
      ),
    ).toBeLessThan(1e-5);
  });
  method.dispose();
});

describe('compression (table 1.2)', () => {
  const compressed = (tokenDropout: number, patchSize = 8): StepContext => ({
    ...clock(0),
    compression: { tokenDropout, patchSize },
  });

  // @proves passes
  test("tokens are dropped from the student's global views, patches scaled for the global views of both, local crops left alone", () => {
    const method = makeMethod(NAME, { options: STILL });
    const whole = featuresOf(method, compressed(0));
    const dropped = featuresOf(method, compressed(0.5));
    expect([dropped.teacher, dropped.locals]).toEqual([whole.teacher, whole.locals]);
    expect(dropped.globals).not.toEqual(whole.globals);
    const scaled = featuresOf(method, compressed(0, 16));
    expect(scaled.locals).toEqual(whole.locals);
    expect(scaled.teacher).not.toEqual(whole.teacher);
    expect(scaled.globals).not.toEqual(whole.globals);
    method.dispose();
  });

  test('stochastic depth is the student’s, and another one in each step', () => {
    const deep = (dropPath: number) => makeMethod(NAME, { options: { dropPath } });
    const [still, moving] = [deep(0), deep(0.9)];
    expect(featuresOf(moving, clock(0)).teacher).toEqual(featuresOf(still, clock(0)).teacher);
    still.dispose();
    moving.dispose();
  });

  // @proves costOfPasses
  test('12.51 forward passes at 8 local crops, both global views through both nets', () => {
    const image = { imageSize: 224, patchSize: 16, width: 768, layers: 12, heads: 12 } as never;
    const cost = (options: object, compression = { tokenDropout: 0, patchSize: 16 }) =>
      dino.cost({ options: dino.options.parse({ name: NAME, ...options }), model: { image }, compression });
    expect(cost({})).toBeCloseTo(12.51, 2);
    expect(cost({ localCrops: { count: 0 } })).toBe(8);
    expect(cost({ localCrops: { count: 0 } }, { tokenDropout: 0.75, patchSize: 16 })).toBeCloseTo(
      2 * 1.761,
      2,
    );
  });
});

describe('views', () => {
  const config = (method: object, data = {}) =>
    parseConfig({
      model: 'ViT-Ti-16',
      method: { name: NAME, ...method },
      data: { train: { type: 'folder', path: 'photos', labelled: false }, ...data },
      batch: { globalBatchSize: 64 },
      duration: { epochs: 1 },
    } as never);
  const views = (imageSize: number, method = {}, data = {}) => {
    const parsed = config(method, data);
    return dino.views({ options: parsed.method as never, imageSize, data: parsed.data as never });
  };

  test('two global ones, then the local ones, with the scales of the paper', () => {
    const recipes = views(224);
    expect(recipes.map(({ size }) => size)).toEqual([224, 224, ...Array(8).fill(96)]);
    expect(recipes.map(({ crop }) => crop.scale)).toEqual([
      ...Array(2).fill([0.4, 1]),
      ...Array(8).fill([0.05, 0.4]),
    ]);
    expect(recipes.map(({ blur }) => blur!.probability)).toEqual([1, 0.1, ...Array(8).fill(0.5)]);
    const others = views(32, { localCrops: { count: 2, scale: [0.1, 0.3] } }, { crop: { scale: [0.3, 1] } });
    expect(others.map(({ size, crop }) => [size, ...crop.scale])).toEqual([
      [32, 0.3, 1],
      [32, 0.3, 1],
      [16, 0.1, 0.3],
      [16, 0.1, 0.3],
    ]);
  });

  test('the recipe of the paper', () => {
    const { optimizer, schedule } = config({});
    expect(optimizer).toMatchObject({ peakLr: 5e-4, weightDecay: 0.04, clipEachGradNorm: 3 });
    expect(schedule).toMatchObject({ warmup: { share: 0.1 }, finalLr: 1e-6, finalWeightDecay: 0.4 });
  });

  test('local crops that patches do not fill are refused, before any tensor is made', () => {
    expect(() => makeMethod(NAME, { options: { localCrops: { count: 2, size: 12 } } })).toThrow(
      'method.localCrops.size is 12, which patches of 8 pixels do not fill: use a multiple of 8, or count: 0.',
    );
    makeMethod(NAME, { options: { localCrops: { count: 0, size: 12 } } }).dispose();
  });
});

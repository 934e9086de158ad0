// Frozen parameters stay to the last bit, and all others move as in a loop that puts the frozen ones back after each step.
import { afterEach, expect, test } from 'vitest';
import { type Method, methods } from '../../src/methods/index.ts';
import { Clip } from '../../src/models/clip.ts';
import { frozenNames } from '../../src/models/freeze.ts';
import { BatchStatistics } from '../../src/nn/batch-norm.ts';
import type { AdamW } from '../../src/optim/index.ts';
import { backward, clearGrads, Generator, noGrad, randn, scope, type Tensor } from '../../src/torch/index.ts';
import {
  batchAt,
  clock,
  lossOf,
  MODEL,
  makeMethod,
  makeOptimizer,
  RATE,
  trainStep,
} from './method-fixture.ts';

const STEPS = 10;
/** Nets that follow another. */
const COPY = /^(momentum_encoder|teacher)\./;
const open: { dispose(): void }[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.dispose();
});

function made(name: string): { method: Method; names: string[] } {
  const method = makeMethod(name);
  open.push(method);
  return { method, names: [...method.params.keys()] };
}

const optimizerOf = (method: Method): AdamW => {
  const optimizer = makeOptimizer(method);
  open.push(optimizer);
  return optimizer;
};

const valuesOf = (tensors: ReadonlyMap<string, Tensor>) =>
  new Map([...tensors].map(([name, tensor]) => [name, tensor.toNumbers()]));

/** A step without freezing; then gradients, and the tensors and their copies, are put back by hand. */
function naiveStep(method: Method, optimizer: AdamW, { name, step, frozen }: NaiveOptions): void {
  const isFrozen = (key: string) => frozen.has(key.replace(COPY, ''));
  const kept = [...method.model].filter(([key]) => isFrozen(key));
  const before = kept.map(([, tensor]) => tensor.clone());
  scope(() => {
    const at = clock(step);
    const statistics = new BatchStatistics();
    const { loss, next } = lossOf(method, batchAt(step, name), at, statistics);
    backward(loss);
    const still = new Set([...frozen, ...(method.frozen?.(at) ?? [])]);
    clearGrads([...still].map((key) => method.params.get(key)!));
    optimizer.step({ lr: RATE });
    method.commit(next, at);
    statistics.commit();
  });
  kept.forEach(([, tensor], i) => {
    tensor.set_(before[i]);
    before[i].dispose();
  });
}

interface NaiveOptions {
  name: string;
  step: number;
  frozen: ReadonlySet<string>;
}

const needsTexts = (name: string) => methods[name as keyof typeof methods].needs.tokens;
const cases = Object.keys(methods).flatMap((name) => [
  { name, freeze: { image: 0 } },
  { name, freeze: { image: 1 } },
  ...(needsTexts(name)
    ? [
        { name, freeze: { image: 'all' } },
        { name, freeze: { text: 'all' } },
        { name, freeze: { image: 'all', text: 1 } },
      ]
    : []),
]) as { name: string; freeze: { image?: 'all' | number; text?: 'all' | number } }[];

test.each(cases)('$name with $freeze: ten steps', ({ name, freeze }) => {
  const { method, names } = made(name);
  const frozen = frozenNames(names, { freeze, model: MODEL });
  expect(frozen.size).toBeGreaterThan(0);
  const start = valuesOf(method.model);
  method.freeze(frozen);
  for (const key of frozen) expect(method.params.has(key)).toBe(false);
  const optimizer = optimizerOf(method);
  expect([...optimizer.state().tensors.keys()].some((key) => frozen.has(key.replace(/^\w+\./, '')))).toBe(
    false,
  );

  const plain = made(name).method;
  const plainOptimizer = optimizerOf(plain);
  for (let step = 0; step < STEPS; step++) {
    trainStep(name, method, optimizer, step);
    naiveStep(plain, plainOptimizer, { name, step, frozen });
  }
  const [end, expected] = [valuesOf(method.model), valuesOf(plain.model)];
  const moved = [...end].filter(([key, values]) => values.some((value, i) => value !== start.get(key)![i]));
  for (const key of frozen) expect(end.get(key), key).toEqual(start.get(key));
  expect(moved.length).toBeGreaterThan(0);
  for (const [key, values] of end) expect(values, key).toEqual(expected.get(key));
});

test("a frozen ResNet normalises as in evaluations, and keeps its running statistics; other stages' norms go on", () => {
  const resnet = { type: 'resnet', imageSize: 32, layers: [1, 1, 1, 1], width: 4, heads: 2 } as const;
  const clip = new Clip({ ...MODEL, image: resnet }, { seed: 1 });
  open.push(clip);
  const images = randn([6, 3, 32, 32], new Generator('cpu', 2));
  const encode = () => scope(() => clip.encodeImage(images).toNumbers());
  const inTraining = () => {
    const statistics = new BatchStatistics();
    const features = statistics.during(encode);
    noGrad(() => statistics.commit());
    return features;
  };
  const model = { ...MODEL, image: resnet };
  const names = [...clip.namedParameters().keys()];
  clip.freeze(frozenNames(names, { freeze: { image: 2 }, model }));
  const before = valuesOf(clip.namedTensors());
  inTraining();
  const changed = [...valuesOf(clip.namedTensors())]
    .filter(([key, values]) => values.some((value, i) => value !== before.get(key)![i]))
    .map(([key]) => /layer\d|^visual\.bn/.exec(key)?.[0]);
  expect([...new Set(changed)]).toEqual(['layer3', 'layer4']);
  clip.freeze(frozenNames(names, { freeze: { image: 'all' }, model }));
  const whole = valuesOf(clip.namedTensors());
  expect(inTraining()).toEqual(encode());
  expect(valuesOf(clip.namedTensors())).toEqual(whole);
  images.dispose();
});

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AdamW, type Optimizer, type ParamGroup } from '../../src/optim/index.ts';
import { backward, gradsOf, memoryStats, scope, type Tensor, tensor } from '../../src/torch/index.ts';

/** Every optimizer by name: to add one, write its line. */
const optimizers: Record<string, (groups: ParamGroup[]) => Optimizer> = {
  adamw: (groups) => new AdamW(groups, { beta1: 0.9, beta2: 0.99, eps: 1e-8 }),
};

describe.each(Object.entries(optimizers))('%s', (_, make) => {
  const WEIGHT_DECAY = 0.1;
  let before: number;
  let decayed: Tensor;
  let plain: Tensor;
  let groups: ParamGroup[];
  let optimizer: Optimizer;

  beforeEach(() => {
    before = memoryStats().liveTensors;
    decayed = tensor([1, -2, 3, 4], [2, 2]).persist().requireGrad();
    plain = tensor([0.5, -1.5]).persist().requireGrad();
    groups = [
      { names: ['w'], tensors: [decayed], weightDecay: WEIGHT_DECAY },
      { names: ['b'], tensors: [plain], weightDecay: 0 },
    ];
    optimizer = make(groups);
  });
  afterEach(() => {
    optimizer.dispose();
    decayed.dispose();
    plain.dispose();
    expect(memoryStats().liveTensors).toBe(before);
  });

  /** Half the squared distance of all numbers to 1. */
  const distance = () =>
    scope(() =>
      [decayed, plain]
        .map((p) => p.sub(1).pow(2).sum().mul(0.5))
        .reduce((a, b) => a.add(b))
        .item(),
    );
  const pull = () =>
    scope(() =>
      backward([decayed, plain].map((p) => p.sub(1).pow(2).sum().mul(0.5)).reduce((a, b) => a.add(b))),
    );
  const step = (lr: number) => {
    pull();
    optimizer.step({ lr });
  };
  const values = () => [decayed.toNumbers(), plain.toNumbers()];

  test('goes downhill', () => {
    const start = distance();
    step(0.01);
    const first = distance();
    expect(first).toBeLessThan(start);
    for (let i = 0; i < 300; i++) step(0.03);
    expect(distance()).toBeLessThan(0.02 * start); // weight decay keeps it from 0
  });

  test('clears the gradients, and leaves a parameter without one where it is', () => {
    const start = values();
    scope(() => backward(plain.sum()));
    optimizer.step({ lr: 0.1 });
    expect(decayed.toNumbers()).toEqual(start[0]); // no decay either
    expect(plain.toNumbers()).not.toEqual(start[1]);
    expect(gradsOf([decayed, plain])).toEqual([null, null]);
    optimizer.step({ lr: 0.1 }); // nothing to do
    expect(decayed.toNumbers()).toEqual(start[0]);
  });

  test('a learning rate of 0 moves nothing', () => {
    const start = values();
    for (let i = 0; i < 3; i++) step(0);
    expect(values()).toEqual(start);
  });

  test('decays the groups that decay by 1 - lr * weightDecay, whatever the gradient', () => {
    const [start, vector] = values();
    scope(() => backward(decayed.sum().add(plain.sum()).mul(0)));
    optimizer.step({ lr: 0.5 });
    decayed.toNumbers().forEach((v, i) => {
      expect(v).toBeCloseTo(start[i] * (1 - 0.5 * WEIGHT_DECAY), 6);
    });
    expect(plain.toNumbers()).toEqual(vector);
  });

  test('state goes out and comes back: the steps after are the same to the bit', () => {
    for (let i = 0; i < 3; i++) step(0.05);
    const { tensors, steps } = optimizer.state();
    expect(steps).toBe(3);
    const saved = [...tensors].map(([name, t]) => [name, t.toArray()] as const);
    const params = [decayed.toArray(), plain.toArray()];
    const run = () => {
      for (let i = 0; i < 3; i++) step(0.05);
      return values();
    };
    const expected = run();

    optimizer.dispose();
    optimizer = make(groups);
    decayed.set_(params[0]);
    plain.set_(params[1]);
    const fresh = optimizer.state().tensors;
    expect([...fresh.keys()]).toEqual(saved.map(([name]) => name));
    for (const [name, array] of saved) fresh.get(name)!.set_(array);
    optimizer.restore(steps);
    expect(run()).toEqual(expected);
    expect(optimizer.state().steps).toBe(6);
  });

  test('names its state after the parameters', () => {
    for (const name of optimizer.state().tensors.keys()) expect(name).toMatch(/\.(w|b)$/);
  });

  test('a step leaves no tensor behind', () => {
    step(0.1);
    const live = memoryStats().liveTensors;
    for (let i = 0; i < 20; i++) step(0.1);
    expect(memoryStats().liveTensors).toBe(live);
  });
});

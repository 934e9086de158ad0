// One suite over the registry of optimizers.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { z } from 'zod';
import {
  adamOptions,
  createOptimizer,
  type Optimizer,
  type OptimizerConfig,
  optimizers,
} from '../../src/optim/index.ts';
import { backward, gradsOf, memoryStats, scope, type Tensor, tensor } from '../../src/torch/index.ts';

/** What some rules promise beyond the suite. */
interface Promises {
  /** A first step does not change when all gradients are multiplied by a positive number. */
  scaleFree?: boolean;
  /** What is left of a decayed weight after a first step with a gradient of zero. */
  decayed?: (lr: number, weightDecay: number) => number;
}

const DECAY = 0.1;
const byDecay = (lr: number, weightDecay: number) => 1 - lr * weightDecay;
const promises: Record<string, Promises> = {
  adamw: { scaleFree: true, decayed: byDecay },
  // r = weightDecay w, and ||w|| / ||r|| undoes the factor.
  lamb: { scaleFree: true, decayed: (lr) => 1 - lr },
  lion: { scaleFree: true, decayed: byDecay },
  sgd: { scaleFree: false, decayed: byDecay },
  // g + mu g at the first step, with g = weightDecay w.
  nesterov: { scaleFree: false, decayed: (lr, weightDecay) => 1 - 1.9 * lr * weightDecay },
};

/** An optimizer as a config without options has it; where there is an eps it is too small to matter. */
const configs = Object.fromEntries(
  Object.values(optimizers).map(({ name, options }) => {
    const defaults = options.parse({});
    return [name, { name, ...defaults, ...('eps' in defaults && { eps: 1e-12 }) } as OptimizerConfig];
  }),
);
configs.nesterov = { ...configs.sgd, nesterov: true } as OptimizerConfig;

test('every option has a default and a description', () => {
  for (const { name, options } of Object.values(optimizers))
    for (const [key, option] of Object.entries(options.shape as Record<string, z.ZodType>)) {
      expect(option.description, `${name}.${key}`).toBeTruthy();
      expect(option.safeParse(undefined).success, `${name}.${key}`).toBe(true);
    }
});

describe.each(Object.entries(configs))('%s', (rule, config) => {
  const { scaleFree, decayed } = promises[rule] ?? {};
  let before: number;
  let params: Record<'w' | 'b' | 'logit_scale', Tensor>;
  let optimizer: Optimizer;

  const make = () => {
    const leaf = (values: number[], shape: number[]) =>
      tensor(Float64Array.from(values), shape).persist().requireGrad();
    params = { w: leaf([1, -2, 3, 4], [2, 2]), b: leaf([0.5, -1.5], [2]), logit_scale: leaf([2], []) };
    const { w, b, logit_scale } = params;
    optimizer = createOptimizer(config, [
      { names: ['w'], tensors: [w], weightDecay: DECAY },
      { names: ['b', 'logit_scale'], tensors: [b, logit_scale], weightDecay: 0 },
    ]);
  };
  const free = () => {
    optimizer.dispose();
    for (const param of Object.values(params)) param.dispose();
  };
  beforeEach(() => {
    before = memoryStats().liveTensors;
    make();
  });
  afterEach(() => {
    free();
    expect(memoryStats().liveTensors).toBe(before);
  });

  const values = () => Object.values(params).map((param) => param.toNumbers());
  /** Gradients p - 1, times `scale`, for the parameters named. */
  const pull = (names: (keyof typeof params)[], scale = 1) =>
    scope(() => {
      for (const name of names)
        backward(
          params[name]
            .sub(1)
            .pow(2)
            .sum()
            .mul(scale / 2),
        );
    });
  const step = (lr: number, scale = 1) => {
    pull(['w', 'b', 'logit_scale'], scale);
    optimizer.step({ lr });
  };

  // @proves AdamW
  test('goes downhill', () => {
    const distance = () =>
      values()
        .flat()
        .reduce((sum, v) => sum + (v - 1) ** 2, 0);
    const start = distance();
    step(0.01);
    expect(distance()).toBeLessThan(start);
    for (let i = 0; i < 300; i++) step(0.02);
    expect(distance()).toBeLessThan(0.03 * start); // weight decay keeps it from 0
  });

  test('a gradient of zero: what decays decays, nothing else moves', () => {
    const [w, b, logitScale] = values();
    step(0.5, 0);
    params.w.toNumbers().forEach((v, i) => {
      expect(Math.abs(v)).toBeLessThan(Math.abs(w[i]));
      if (decayed) expect(v).toBeCloseTo(decayed(0.5, DECAY) * w[i], 12);
    });
    expect(values().slice(1)).toEqual([b, logitScale]);
  });

  test('a parameter without a gradient stays, and so does its state', () => {
    step(0.1);
    const { w } = params;
    const own = () =>
      [...optimizer.state().tensors].filter(([name]) => name.endsWith('.w')).map(([, t]) => t.toNumbers());
    const [start, state] = [w.toNumbers(), own()];
    pull(['b']);
    const b = params.b.toNumbers();
    optimizer.step({ lr: 0.1 });
    expect(w.toNumbers()).toEqual(start);
    expect(own()).toEqual(state);
    expect(params.b.toNumbers()).not.toEqual(b);
    expect(gradsOf(Object.values(params))).toEqual([null, null, null]);
    const all = values();
    optimizer.step({ lr: 0.1 }); // none at all
    expect(values()).toEqual(all);
  });

  test('a parameter that was frozen starts as a new one, also after a resume', () => {
    const { w } = params;
    const start = w.toArray();
    const track = (steps: number) =>
      Array.from({ length: steps }, () => {
        step(0.05);
        return w.toNumbers();
      });
    const fresh = track(4);
    free();
    make();
    params.w.set_(start);
    for (let i = 0; i < 1251; i++) {
      pull(['b', 'logit_scale']);
      optimizer.step({ lr: 0.001 });
    }
    const late = () => {
      step(0.05);
      return params.w.toNumbers();
    };
    expect([late(), late()]).toEqual(fresh.slice(0, 2));
    optimizer.restore(JSON.parse(JSON.stringify(optimizer.state())));
    expect([late(), late()]).toEqual(fresh.slice(2));
  });

  test.runIf(scaleFree !== undefined)(
    `a first step ${scaleFree ? 'does not see' : 'follows'} the scale of the gradients`,
    () => {
      const first = (scale: number) => {
        step(0.1, scale);
        const [, b, logitScale] = values();
        free();
        make();
        return [...b, ...logitScale];
      };
      const [small, large] = [first(1), first(1024)];
      const start = [0.5, -1.5, 2];
      large.forEach((v, i) => {
        const factor = scaleFree ? 1 : 1024;
        expect(v - start[i]).toBeCloseTo(factor * (small[i] - start[i]), 9);
      });
    },
  );

  test('a learning rate of 0 moves nothing', () => {
    const start = values();
    for (let i = 0; i < 3; i++) step(0);
    expect(values()).toEqual(start);
  });

  test('state goes out and comes back: the steps after are the same to the bit', () => {
    for (let i = 0; i < 3; i++) step(0.05);
    const { tensors, steps, missed } = optimizer.state();
    expect(steps).toBe(3);
    const saved = [...tensors].map(([name, t]) => [name, t.toArray()] as const);
    const start = Object.values(params).map((param) => param.toArray());
    const run = () => {
      for (let i = 0; i < 3; i++) step(0.05);
      return [values(), [...optimizer.state().tensors.values()].map((t) => t.toNumbers())];
    };
    const expected = run();

    free();
    make();
    Object.values(params).forEach((param, i) => {
      param.set_(start[i]);
    });
    const fresh = optimizer.state().tensors;
    expect([...fresh.keys()]).toEqual(saved.map(([name]) => name));
    for (const [name, array] of saved) fresh.get(name)!.set_(array);
    optimizer.restore({ steps, missed });
    expect(run()).toEqual(expected);
    expect(optimizer.state().steps).toBe(6);
  });

  test('names its state after the parameters', () => {
    for (const name of optimizer.state().tensors.keys()) expect(name).toMatch(/\.(w|b|logit_scale)$/);
  });

  test('live tensors stay flat', () => {
    step(0.1);
    const live = memoryStats().liveTensors;
    for (let i = 0; i < 20; i++) step(0.1);
    expect(memoryStats().liveTensors).toBe(live);
  });

  test('gives a method settings for the Adam of its temperature', () => {
    const adam = adamOptions(config);
    expect(Object.keys(adam)).toEqual(['beta1', 'beta2', 'eps']);
    expect(adam).toEqual(
      'eps' in config ? { beta1: 0.9, beta2: 0.98, eps: 1e-12 } : { beta1: 0.9, beta2: 0.98, eps: 1e-6 },
    );
  });
});

// @proves Lamb
test("LAMB's step is lr times the norm of the weights, whatever its gradient", () => {
  scope(() => {
    for (const scale of [1e-3, 1, 1e3]) {
      const w = tensor(Float64Array.from([3, 4, 0, 0]), [2, 2]).requireGrad();
      const lamb = createOptimizer(configs.lamb, [{ names: ['w'], tensors: [w], weightDecay: DECAY }]);
      backward(
        w
          .mul(tensor(Float64Array.from([1, -2, 3, 4]), [2, 2]))
          .sum()
          .mul(scale),
      );
      lamb.step({ lr: 0.01 });
      const moved = w.toNumbers().map((v, i) => v - [3, 4, 0, 0][i]);
      expect(Math.hypot(...moved)).toBeCloseTo(0.01 * 5, 12);
      lamb.dispose();
    }
  });
});

// @proves Lion, Sgd
test("Lion moves every number by lr; SGD's momentum leaves logit_scale out", () => {
  scope(() => {
    const leaf = () => tensor(Float64Array.from([1, 1]), [2]).requireGrad();
    const run = (config: OptimizerConfig) => {
      const [logitScale, b] = [leaf(), leaf()];
      const names = ['logit_scale', 'b'];
      const optimizer = createOptimizer(config, [{ names, tensors: [logitScale, b], weightDecay: 0 }]);
      for (const slope of [2, -4]) {
        backward(logitScale.add(b).sum().mul(slope));
        optimizer.step({ lr: 0.25 });
      }
      optimizer.dispose();
      return [logitScale.toNumbers()[0], b.toNumbers()[0]];
    };
    expect(run(configs.lion)).toEqual([1, 1]); // down by lr, then up by lr
    const [logitScale, b] = run(configs.sgd);
    expect(logitScale).toBeCloseTo(1 - 0.25 * 2 + 0.25 * 4, 12);
    expect(b).toBeCloseTo(1 - 0.25 * 2 - 0.25 * (0.9 * 2 - 4), 12);
  });
});

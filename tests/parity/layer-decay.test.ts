// Rates by depth against torch.optim's groups (make-layer-decay-goldens.py), and against an optimizer of its own for each parameter.
import { expect, test } from 'vitest';
import { createOptimizer, decayGroups, lrScaleOf, type OptimizerConfig } from '../../src/optim/index.ts';
import { backward, cudaCount, type DType, scope, tensor } from '../../src/torch/index.ts';
import { error, type Precision, readJson } from './golden.ts';

type Values = Record<string, number[]>;

const golden = readJson<{
  shapes: Record<string, number[]>;
  loaded: string[];
  layers: { image: number; text: number };
  weightDecay: number;
  layerDecay: number;
  loadedRate: number;
  rates: number[];
  start: Values;
  grads: Values[];
  runs: Record<string, Values[]>;
}>('layer-decay.golden.json');

const model = {
  embedDim: 2,
  image: {
    imageSize: 1,
    patchSize: 1,
    width: 2,
    layers: golden.layers.image,
    heads: 1,
    mlpRatio: 4,
    pool: 'class',
    positionEmbedding: 'learned',
  },
  text: { contextLength: 3, vocabSize: 4, width: 2, heads: 1, layers: golden.layers.text },
} as const;
const { layerDecay, loadedRate, weightDecay } = golden;
const loaded = new Set(golden.loaded);
const lrScale = (name: string) => lrScaleOf(name, { model, layerDecay, loadedRate, loaded });

const configs: Record<string, OptimizerConfig> = {
  adamw: { name: 'adamw', beta1: 0.9, beta2: 0.98, eps: 1e-6 },
  lamb: { name: 'lamb', beta1: 0.9, beta2: 0.98, eps: 1e-6 },
  lion: { name: 'lion', beta1: 0.9, beta2: 0.99 },
  sgd: { name: 'sgd', sgdMomentum: 0.9, nesterov: false },
};

function leaves(dtype: DType) {
  const make = (values: number[], name: string) =>
    tensor(Float64Array.from(values), golden.shapes[name], { dtype });
  const params = new Map(
    Object.entries(golden.start).map(([name, values]) => [name, make(values, name).requireGrad()]),
  );
  /** The gradient of sum(p * g) is g. */
  const pull = (step: number) => {
    for (const [name, param] of params) backward(param.mul(make(golden.grads[step][name], name)).sum());
  };
  return { params, pull };
}

/** As the other optimizers' goldens: five steps of rounding. */
const TOLERANCE = { float64: 1e-12, float32: 1e-5 } as const;

test.each(
  Object.keys(golden.runs).flatMap((rule) =>
    (['float64', 'float32'] as Precision[]).map((dtype) => ({ rule, dtype })),
  ),
)('five steps of $rule in $dtype, as torch.optim with a group for each parameter', ({ rule, dtype }) => {
  scope(() => {
    const { params, pull } = leaves(dtype);
    const groups = decayGroups(params, weightDecay, { lrScale });
    expect(groups.length).toBeLessThan(params.size);
    const optimizer = createOptimizer(configs[rule], groups);
    golden.rates.forEach((lr, step) => {
      pull(step);
      optimizer.step({ lr });
      for (const [name, param] of params)
        expect(error(param.toNumbers(), golden.runs[rule][step][name]), `${name}, step ${step}`).toBeLessThan(
          TOLERANCE[dtype],
        );
    });
    optimizer.dispose();
  });
});

test.each(Object.keys(configs))(
  '%s in groups is one of its own for each parameter, to the last bit',
  (rule) => {
    scope(() => {
      const [grouped, single] = [leaves('float32'), leaves('float32')];
      const together = createOptimizer(configs[rule], decayGroups(grouped.params, weightDecay, { lrScale }));
      const each = [...single.params].map(([name, param]) => ({
        scale: lrScale(name),
        optimizer: createOptimizer(configs[rule], decayGroups(new Map([[name, param]]), weightDecay)),
      }));
      golden.rates.forEach((lr, step) => {
        grouped.pull(step);
        single.pull(step);
        together.step({ lr, weightDecay: 0.1 });
        for (const { scale, optimizer } of each) optimizer.step({ lr: lr * scale, weightDecay: 0.1 });
        for (const [name, param] of grouped.params)
          expect(param.toNumbers(), name).toEqual(single.params.get(name)!.toNumbers());
      });
      for (const { optimizer } of [...each, { optimizer: together }]) optimizer.dispose();
    });
  },
);

test('the fused kernel on a GPU takes the rate of each group', ({ skip }) => {
  skip(cudaCount() === 0, 'fused kernels need a CUDA device');
  scope(() => {
    const { params } = leaves('float32');
    const device = 'cuda:0';
    const there = new Map(
      [...params].map(([name, param]) => [name, param.detach().toDevice(device).requireGrad()]),
    );
    const optimizer = createOptimizer(configs.adamw, decayGroups(there, weightDecay, { lrScale }));
    golden.rates.forEach((lr, step) => {
      for (const [name, param] of there) {
        const gradient = tensor(golden.grads[step][name], golden.shapes[name]).toDevice(device);
        backward(param.mul(gradient).sum());
      }
      optimizer.step({ lr });
      for (const [name, param] of there)
        expect(error(param.toNumbers(), golden.runs.adamw[step][name]), name).toBeLessThan(TOLERANCE.float32);
    });
    optimizer.dispose();
  });
});

test('groups that change, as when a resume learns what was loaded, keep the moments', () => {
  scope(() => {
    const { params, pull } = leaves('float64');
    const groups = decayGroups(params, weightDecay, { lrScale });
    const optimizer = createOptimizer(configs.adamw, decayGroups(params, weightDecay));
    golden.rates.forEach((lr, step) => {
      pull(step);
      if (step === 0) optimizer.regroup(decayGroups(params, weightDecay, { lrScale }));
      if (step === 2) optimizer.regroup(groups);
      optimizer.step({ lr });
    });
    for (const [name, param] of params)
      expect(error(param.toNumbers(), golden.runs.adamw.at(-1)![name]), name).toBeLessThan(TOLERANCE.float64);
    optimizer.dispose();
  });
});

test('without the keys the groups are the two that decay and do not', () => {
  scope(() => {
    const { params } = leaves('float32');
    const plain = decayGroups(params, weightDecay);
    const none = (name: string) => lrScaleOf(name, { model, loaded });
    expect(decayGroups(params, weightDecay, { lrScale: none })).toEqual(plain);
    expect(plain.map(({ weightDecay: decay }) => decay)).toEqual([weightDecay, 0]);
  });
});

// AdamW, LAMB, Lion and SGD against PyTorch's and their authors' code (make-optimizer-goldens.py), with frozen parameters too.
import { expect, test } from 'vitest';
import { createOptimizer, decayGroups, type OptimizerConfig } from '../../src/optim/index.ts';
import { backward, type DType, scope, type Tensor, tensor } from '../../src/torch/index.ts';
import { error, type Precision, readJson } from './golden.ts';

type Values = Record<string, number[]>;

const golden = readJson<{
  shapes: Record<string, number[]>;
  weightDecay: number;
  rates: number[];
  start: Values;
  grads: Values[];
  runs: Record<string, Values[]>;
  /** Steps without a gradient, by parameter. */
  frozen: Record<string, number[]>;
  frozenRuns: Record<string, Values[]>;
}>('optimizers.golden.json');

const configs: Record<string, OptimizerConfig> = {
  adamw: { name: 'adamw', beta1: 0.9, beta2: 0.98, eps: 1e-6 },
  lamb: { name: 'lamb', beta1: 0.9, beta2: 0.98, eps: 1e-6 },
  lion: { name: 'lion', beta1: 0.9, beta2: 0.99 },
  sgd: { name: 'sgd', sgdMomentum: 0.9, nesterov: false },
  nesterov: { name: 'sgd', sgdMomentum: 0.9, nesterov: true },
};
const make = (values: number[], name: string, dtype: DType): Tensor =>
  tensor(Float64Array.from(values), golden.shapes[name], { dtype });

test('the goldens are those of every rule', () => {
  for (const runs of [golden.runs, golden.frozenRuns])
    expect(Object.keys(runs)).toEqual(Object.keys(configs));
});

const TOLERANCE = { float64: 1e-12, float32: 1e-5 } as const;

const cases = Object.keys(configs).flatMap((rule) =>
  (['float64', 'float32'] as Precision[]).flatMap((dtype) =>
    [false, true].map((frozen) => ({ rule, dtype, frozen })),
  ),
);

// @proves AdamW, Lamb, Lion, Sgd
test.each(cases)('five steps of $rule in $dtype, frozen parameters: $frozen', ({ rule, dtype, frozen }) => {
  const errors: number[] = [];
  const run = frozen ? golden.frozenRuns[rule] : golden.runs[rule];
  scope(() => {
    const params = new Map(
      Object.entries(golden.start).map(([name, values]) => [name, make(values, name, dtype).requireGrad()]),
    );
    const optimizer = createOptimizer(configs[rule], decayGroups(params, golden.weightDecay));
    golden.rates.forEach((lr, step) => {
      for (const [name, param] of params) {
        if (frozen && golden.frozen[name]?.includes(step)) continue;
        // The gradient of sum(p * g) is g.
        backward(param.mul(make(golden.grads[step][name], name, dtype)).sum());
      }
      optimizer.step({ lr });
      for (const [name, param] of params) {
        errors.push(error(param.toNumbers(), run[step][name]));
        expect(errors.at(-1), `${name}, step ${step}`).toBeLessThan(TOLERANCE[dtype]);
      }
    });
    optimizer.dispose();
  });
  if (process.env.COUPLET_SHOW_ERRORS)
    process.stdout.write(`${rule} ${dtype}: ${Math.max(...errors).toExponential(1)}\n`);
});

import { expect, test } from 'vitest';
import { AdamW, clipGradNorm, decayGroups } from '../../src/optim/index.ts';
import { cosine, withWarmup } from '../../src/time/schedules.ts';
import { backward, type DType, gradsOf, scope, type Tensor, tensor } from '../../src/torch/index.ts';
import { error, type Precision, readJson, TOLERANCE } from './golden.ts';

type Nested = number | Nested[];
type Named = Record<string, Nested>;

const golden = readJson<{
  adamw: {
    start: Named;
    shapes: Record<string, number[]>;
    weightDecay: number;
    beta1: number;
    beta2: number;
    eps: number;
    maxNorm: number;
    steps: { lr: number; grads: Named; norm: number; clipped: Named; params: Named }[];
  };
  cosine: { peak: number; warmup: number; total: number; rates: number[] }[];
}>('optim.golden.json');

const numbers = (value: Nested): number[] => (typeof value === 'number' ? [value] : value.flatMap(numbers));

// @proves AdamW, clipGradNorm
test.each<Precision>(['float64', 'float32'])('clip_grad_norm_ and five steps of AdamW in %s', (dtype) => {
  const { start, shapes, weightDecay, maxNorm, steps, ...options } = golden.adamw;
  const tolerance = TOLERANCE[dtype];
  const make = (values: Nested, name: string, type: DType = dtype): Tensor =>
    tensor(Float64Array.from(numbers(values)), shapes[name], { dtype: type });
  scope(() => {
    const params = new Map(
      Object.entries(start).map(([name, values]) => [name, make(values, name).requireGrad()]),
    );
    const tensors = [...params.values()];
    const adamw = new AdamW(decayGroups(params, weightDecay), options);
    for (const step of steps) {
      // The gradient of sum(p * g) is g.
      for (const [name, param] of params) backward(param.mul(make(step.grads[name], name)).sum());
      expect(error(clipGradNorm(tensors, maxNorm).toNumbers(), [step.norm])).toBeLessThan(tolerance);
      gradsOf(tensors).forEach((grad, i) => {
        const name = [...params.keys()][i];
        expect(error(grad!.toNumbers(), numbers(step.clipped[name])), name).toBeLessThan(tolerance);
      });
      adamw.step({ lr: step.lr });
      for (const [name, param] of params)
        expect(error(param.toNumbers(), numbers(step.params[name])), name).toBeLessThan(tolerance);
      expect(gradsOf(tensors)).toEqual([null, null, null]);
    }
    adamw.dispose();
  });
});

// @proves withWarmup
test.each(golden.cosine)("open_clip's cosine: peak $peak, $warmup of $total steps warm-up", (run) => {
  const rate = withWarmup(cosine(run.peak, 0), {
    peak: run.peak,
    warmup: run.warmup / run.total,
    tick: 1 / run.total,
  });
  const rates = run.rates.map((_, step) => rate(step / run.total));
  expect(error(rates, run.rates)).toBeLessThan(1e-12);
});

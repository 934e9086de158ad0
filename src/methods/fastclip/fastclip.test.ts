import { describe, expect, test } from 'vitest';
import {
  batchAt,
  clock,
  DATASET,
  lossOf,
  makeMethod,
  makeOptimizer,
  trainStep,
} from '../../../tests/contract/method-fixture.ts';
import { dot, error, int64, reshape } from '../../../tests/contract/numbers.ts';
import { logInnerEstimate, logNegativeCount, negativesOf } from '../../losses/global-contrastive.ts';
import { stepContextAt } from '../../time/clock.ts';
import { backward, clearGrads, gradsOf, ones, scope, type Tensor, tensor, zeros } from '../../torch/index.ts';

const TAU = 0.07;
const NAME = 'fastclip';
const make = (options: Record<string, unknown> = {}, datasetSize = DATASET) =>
  makeMethod(NAME, { options, datasetSize });

/** log g of a batch. */
function naiveLogG(method: ReturnType<typeof make>, step: number) {
  return scope(() => {
    const {
      views: [images],
      tokens,
    } = batchAt(step, NAME);
    const [image, text] = [method.encodeImages(images), method.encodeTexts!(tokens)].map((f) =>
      reshape(f.toNumbers(), f.shape[1]),
    );
    const log = (h: (i: number, j: number) => number) =>
      image.map((_, i) => {
        const others = image.map((_, j) => j).filter((j) => j !== i);
        const sum = others.reduce(
          (total, j) => total + Math.exp((h(i, j) - dot(image[i], text[i])) / TAU),
          0,
        );
        return Math.log(sum / others.length);
      });
    return { image: log((i, j) => dot(image[i], text[j])), text: log((i, j) => dot(image[j], text[i])) };
  });
}

/** log(eps + u) of the batch. */
const logUOf = ({ next }: { next: unknown }) => {
  const [image, text] = (next as { rows: Tensor }).rows.unbind(0);
  return { image, text };
};

/** log(eps + u) of all samples. */
const stored = (method: ReturnType<typeof make>) => {
  const [image, text] = method.tables!.get('samples')!.gather().rows.unbind(0);
  return { image: image.toNumbers(), text: text.toNumbers() };
};

const mean = (values: number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;

describe('fastclip', () => {
  // @proves metricsOf
  test('the first step stores g, tells the InfoNCE of the batch and the mean of log u', () => {
    const method = make();
    const { image, text } = naiveLogG(method, 0);
    scope(() => {
      const { metrics, next } = lossOf(method, batchAt(0, NAME), clock(0));
      const infoNce = mean([...image, ...text].map((g) => Math.log1p((image.length - 1) * Math.exp(g))));
      expect(metrics.loss.item()).toBeCloseTo(infoNce, 4);
      expect(metrics.log_u.item()).toBeCloseTo(mean([...image, ...text]), 4);
      expect(metrics.temperature.item()).toBeCloseTo(TAU, 6);
      expect(metrics.logit_scale.item()).toBeCloseTo(1 / TAU, 4);
      method.commit(next, clock(0));
      const table = stored(method);
      image.forEach((g, id) => {
        expect(table.image[id]).toBeCloseTo(g, 4);
      });
      expect(table.text[2]).toBeCloseTo(text[2], 4);
    });
    method.dispose();
  });

  // @proves surrogateLoss
  test('at gamma 1 the parameters feel the gradient of 1/2 RGCL-g', () => {
    const method = make();
    const params = [...method.params.values()];
    const gradients = (loss: () => Tensor) =>
      scope(() => {
        backward(loss());
        const grads = gradsOf(params).flatMap((grad) => grad!.toNumbers());
        clearGrads(params);
        return grads;
      });
    const ours = gradients(() => lossOf(method, batchAt(0, NAME), clock(0)).loss);
    // Autograd through the loss itself: tau / 2 mean(log g1 + log g2).
    const rgcl = gradients(() => {
      const {
        views: [images],
        tokens,
        ids,
      } = batchAt(0, NAME);
      const similarity = method.encodeImages(images).matmul(method.encodeTexts!(tokens).t);
      const options = {
        negatives: negativesOf(ids, ids),
        logCount: logNegativeCount(ids, 'float32'),
        tau: tensor([TAU], []),
      };
      const logG = (s: Tensor) => logInnerEstimate(s.sub(similarity.diagonal().unsqueeze(1)), options);
      return logG(similarity)
        .add(logG(similarity.t))
        .mean()
        .mul(TAU / 2);
    });
    expect(error(ours, rgcl)).toBeLessThan(1e-4);
    method.dispose();
  });

  // @proves metricsOf
  test("its metric `loss` is clip's loss at the same weights and temperature", () => {
    const methods = [make(), makeMethod('clip')];
    const losses = methods.map((method) =>
      scope(() =>
        lossOf(method, batchAt(0, method === methods[0] ? NAME : 'clip'), clock(0)).metrics.loss.item(),
      ),
    );
    expect(losses[0]).toBeCloseTo(losses[1], 4);
    for (const method of methods) method.dispose();
  });

  // @proves temperatureGradient
  test('the optimizer never sees the temperature; both gradients move it, differently', () => {
    const after = (['exact', 'released'] as const).map((gradient) => {
      const method = make({ temperature: { gradient, lrShare: 1 } });
      expect(method.params.has('logit_scale')).toBe(false);
      expect(method.model.has('logit_scale')).toBe(true);
      const before = method.model.get('logit_scale')!.item();
      const optimizer = makeOptimizer(method);
      for (let step = 0; step < 4; step++) trainStep(NAME, method, optimizer, step);
      const theta = method.model.get('logit_scale')!.item();
      expect(theta).not.toBe(before);
      optimizer.dispose();
      method.dispose();
      return theta;
    });
    expect(after[0]).not.toBe(after[1]);
  });

  test('a large rho lowers the temperature, a negative one raises it', () => {
    const [down, up] = [50, -50].map((rho) => {
      const method = make({ rho });
      scope(() => method.commit(lossOf(method, batchAt(0, NAME), clock(0)).next, clock(0)));
      const theta = method.model.get('logit_scale')!.item();
      method.dispose();
      return Math.exp(-theta);
    });
    expect(down).toBeLessThan(TAU);
    expect(up).toBeGreaterThan(TAU);
  });

  test('a duplicate in the batch is no negative: its picture does not reach the u of its twin', () => {
    const method = make();
    const logU = (ids: number[], blank: boolean) =>
      scope(() => {
        const batch = { ...batchAt(0, NAME), ids: int64(ids) };
        if (blank) batch.views[0].select(0, 5).zero_();
        return logUOf(lossOf(method, batch, clock(0))).text.toNumbers();
      });
    const twins = [0, 1, 2, 3, 4, 0];
    expect(logU(twins, true)[0]).toBe(logU(twins, false)[0]);
    expect(logU(twins, true)[1]).not.toBe(logU(twins, false)[1]);
    const strangers = [0, 1, 2, 3, 4, 5];
    expect(logU(strangers, true)[0]).not.toBe(logU(strangers, false)[0]);
    method.dispose();
  });

  // Whole batches cover only 34.8 of the 35 epochs; 40 % of 35 is 14.
  // @proves gammaSchedule
  test('gamma falls over a share of the epochs, counted whole', () => {
    const method = make({ gamma: { min: 0.2, decayShare: 0.4, shape: 'cosine', per: 'epoch' } });
    const run = { totalSteps: Math.floor((35 * DATASET) / 6), globalBatchSize: 6, datasetSize: DATASET };
    const gammaAt = (epoch: number) =>
      scope(() => {
        const context = { ...stepContextAt(0, run), epoch };
        // u = 1
        method
          .tables!.get('samples')!
          .scatter({ rows: zeros([2, DATASET]), visited: ones([DATASET], { dtype: 'bool' }) });
        const logU = logUOf(lossOf(method, batchAt(0, NAME), context));
        const g = Math.exp(naiveLogG(method, 0).image[0]);
        return (Math.exp(logU.image.toNumbers()[0]) - 1) / (g - 1);
      });
    const published = (epoch: number) => 0.5 * (1 + Math.cos((Math.PI * epoch) / 14)) * 0.8 + 0.2;
    for (const epoch of [0, 1, 7, 13]) expect(gammaAt(epoch)).toBeCloseTo(published(epoch), 3);
    for (const epoch of [14, 30]) expect(gammaAt(epoch)).toBeCloseTo(0.2, 3);
    method.dispose();
  });

  test('ids spread over 400 million samples: the steps of twenty samples, bit for bit', () => {
    const run = (spread: number) => {
      const method = make({}, DATASET * spread);
      const optimizer = makeOptimizer(method);
      const losses = Array.from({ length: 8 }, (_, step) =>
        scope(() => {
          const batch = { ...batchAt(step, NAME) };
          batch.ids = batch.ids.mul(spread);
          const context = { ...clock(step), epoch: Math.floor((step * 6) / DATASET) };
          const { loss, metrics, next } = lossOf(method, batch, context);
          backward(loss);
          optimizer.step({ lr: 3e-3 });
          method.commit(next, context);
          return [metrics.loss.item(), metrics.log_u.item(), metrics.temperature.item()];
        }),
      );
      optimizer.dispose();
      method.dispose();
      return losses;
    };
    expect(run(20_000_000)).toEqual(run(1));
  });

  test.each([
    ['u', 'v3', 0, 'log_u'],
    ['an individual temperature', 'v2', 2, 'temperature'],
  ])('%s that is not finite shows in the metrics, which end the run', (_what, version, column, metric) => {
    const method = make({ version });
    scope(() => {
      const table = method.tables!.get('samples')!;
      const { rows, visited } = table.gather();
      rows
        .select(0, column)
        .narrow(0, 3, 1)
        .copy_(tensor([Number.NaN], [1]));
      table.scatter({ rows, visited: ones(visited.shape, { dtype: 'bool' }) });
      const { metrics } = lossOf(method, batchAt(0, NAME), { ...clock(0), epoch: 2 });
      expect(metrics[metric].item()).toBeNaN();
    });
    method.dispose();
  });
});

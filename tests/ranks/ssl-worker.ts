// One rank of ssl.test.ts: self-supervised methods on shares of a batch, against the whole batch on one rank.

import { type Batch, findMethod, type Method, methods } from '../../src/methods/index.ts';
import { BatchStatistics } from '../../src/nn/batch-norm.ts';
import { Init } from '../../src/nn/init.ts';
import { SyncBatchNorm } from '../../src/nn/sync-batch-norm.ts';
import { decayGroups, Sgd } from '../../src/optim/index.ts';
import { alone, openRanks, type Ranks } from '../../src/ranks/index.ts';
import { backward, Generator, gradsOf, randn, scope, type Tensor } from '../../src/torch/index.ts';
import { batchAt, clock, lossOf, makeMethod } from '../contract/method-fixture.ts';
import { LONGER_THAN_A_TEST } from './harness.ts';

const TOTAL = 8;
/** Rounding grows from step to step: batch norms over eight rows, a temperature of 0.1. In float32 one step is compared. */
const STEPS = { float64: 3, float32: 1 } as const;
const LR = 0.01;
/** What is smaller is zero but for rounding: a shift before a batch norm has no gradient, and a mean behind one no value. */
const ZERO = 1e-12;
const ofPicturesAlone = Object.keys(methods).filter((name) => !findMethod(name).needs.tokens);
const VARIANTS: Record<string, { name: string; options?: object }> = {
  ...Object.fromEntries(ofPicturesAlone.map((name) => [name, { name }])),
  'moco-v3 one way': { name: 'moco-v3', options: { symmetric: false } },
  dino: { name: 'dino', options: { teacherTemperature: { start: 0.1, end: 0.1 }, dropPath: 0.2 } },
};
type DType = 'float32' | 'float64';

/** This rank's rows. */
function shareOf(batch: Batch, { rank, worldSize }: Ranks): Batch {
  const rows = TOTAL / worldSize;
  const cut = (tensor: Tensor) => tensor.narrow(0, rank * rows, rows);
  return {
    views: batch.views.map(cut),
    tokens: cut(batch.tokens),
    ids: cut(batch.ids),
    rows: { first: rank * rows, total: TOTAL },
  };
}

/** Each in its own scale: the largest difference is taken for one tensor at a time. */
type Trace = Map<string, number[]>;

/** What a checkpoint holds. */
function keep(into: Trace, method: Method, when: string): void {
  for (const [name, tensor] of [...method.model, ...method.state])
    into.set(`${when} ${name}`, tensor.toNumbers());
}

/** Losses, gradients of the first step, and all that is kept after each; shorter sequences in the last step. */
function run(
  variant: string,
  { ranks, dtype, steps = STEPS[dtype] }: { ranks: Ranks; dtype: DType; steps?: number },
): Trace {
  const { name, options = {} } = VARIANTS[variant];
  const method = makeMethod(name, { options, ranks, precision: dtype });
  const start = makeMethod(name, { options }); // the same in both precisions
  for (const [key, tensor] of start.model) method.model.get(key)!.set_(tensor);
  start.dispose();
  const averager = ranks.averager(method.params);
  const optimizer = new Sgd(decayGroups(method.params, 0.1, { rule: method.decays }), {
    sgdMomentum: 0.9,
    nesterov: false,
  });
  const out: Trace = new Map();
  for (let step = 0; step < steps; step++) {
    scope(() => {
      const compression = { tokenDropout: step === steps - 1 ? 0.5 : 0, patchSize: 8 };
      const at = { ...clock(step), compression };
      const batch = shareOf(batchAt(step, name, { size: TOTAL, options }), ranks);
      const statistics = new BatchStatistics();
      const { loss, next } = lossOf(method, batch, at, statistics);
      averager.backward(loss);
      out.set(`step ${step} loss`, [ranks.allReduceMean(loss.detach(), 'test').item()]);
      const grads = gradsOf([...method.params.values()]);
      out.set(
        `step ${step} gradients`,
        grads.flatMap((grad) => grad!.toNumbers()),
      );
      optimizer.step({ lr: LR });
      method.commit(next, at);
      statistics.commit();
    });
    keep(out, method, `step ${step}`);
  }
  averager.dispose();
  optimizer.dispose();
  method.dispose();
  return out;
}

/** A norm of pictures [B, C, H, W]: outputs, gradients of pictures, gain and bias, and running statistics. */
function runNorm(ranks: Ranks): Trace {
  const shape = [TOTAL, 3, 2, 2];
  const rows = TOTAL / ranks.worldSize;
  const norm = new SyncBatchNorm(new Init({ seed: 1, dtype: 'float64' }), 3, { ranks });
  const out: Trace = new Map();
  scope(() => {
    const all = randn(shape, new Generator('cpu', 7), 'float64').mul(3).add(1);
    const pull = randn(shape, new Generator('cpu', 8), 'float64').narrow(0, ranks.rank * rows, rows);
    const x = all
      .narrow(0, ranks.rank * rows, rows)
      .clone()
      .requireGrad();
    const statistics = new BatchStatistics();
    const y = statistics.during(() => norm.forward(x));
    backward(y.mul(y).mul(pull).mean());
    statistics.commit();
    const [gradX, ...others] = gradsOf([x, norm.weight!, norm.bias!]);
    out.set('outputs', ranks.allGather(y.detach(), 'test').toNumbers());
    out.set('gradient of pictures', ranks.allGather(gradX!.div(ranks.worldSize), 'test').toNumbers());
    others.forEach((grad, i) => {
      out.set(`gradient ${i}`, ranks.allReduceMean(grad!, 'test').toNumbers());
    });
    for (const [name, tensor] of norm.namedTensors()) out.set(name, tensor.toNumbers());
  });
  norm.dispose();
  return out;
}

/** The largest difference: in float64 of the largest value of each tensor, in float32 of all (as versions-worker.ts). */
function worstOf(together: Trace, whole: Trace, dtype: DType): number {
  const largest = (values: number[]) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  const ofAll = largest([...whole.values()].map(largest));
  const errors = [...whole].map(([key, expected]) => {
    const actual = together.get(key)!;
    const own = largest(expected);
    const scale = dtype === 'float32' ? ofAll : own > ZERO ? own : 1;
    return largest(expected.map((value, i) => value - actual[i])) / scale;
  });
  return largest(errors);
}

const ranks = openRanks({ device: 'cpu', timeoutMs: 1000 * Number(LONGER_THAN_A_TEST) });
const worst: Record<string, number> = {};
const rounding: Record<string, number> = {};
for (const variant of Object.keys(VARIANTS)) {
  for (const dtype of ['float64', 'float32'] as const) {
    const together = run(variant, { ranks, dtype });
    worst[`${variant} ${dtype}`] = worstOf(together, run(variant, { ranks: alone, dtype }), dtype);
  }
  const [rough, exact] = (['float32', 'float64'] as const).map((dtype) =>
    run(variant, { ranks: alone, dtype, steps: STEPS.float32 }),
  );
  rounding[`${variant} float32`] = worstOf(rough, exact, 'float32');
}
worst['batch norm of pictures float64'] = worstOf(runNorm(ranks), runNorm(alone), 'float64');
const traffic = ranks.bytes();
ranks.close();
process.stdout.write(`${JSON.stringify({ worst, rounding, traffic })}\n`);

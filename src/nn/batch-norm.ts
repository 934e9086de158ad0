import { noGrad, type Tensor, zeros } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import type { Init } from './init.ts';
import { Module } from './module.ts';

/** The share of a step's statistics in the running ones; PyTorch's default. */
const MOMENTUM = 0.1;

let current: BatchStatistics | undefined;

/**
 * Training mode for batch norms, for one step. Within during() they normalise by their batch; outside, and so in every
 * encoder, by the running statistics. Nothing moves until commit(): a forward pass is pure, and may be done twice.
 */
export class BatchStatistics {
  /** Mean and variance of each batch that went through a norm. */
  readonly #seen = new Map<BatchNorm, { means: Tensor[]; variances: Tensor[] }>();

  /** Runs `body` in training mode. Synchronous only. */
  during<T>(body: () => T): T {
    const before = current;
    current = this;
    try {
      return body();
    } finally {
      current = before;
    }
  }

  observe(norm: BatchNorm, mean: Tensor, variance: Tensor): void {
    const seen = this.#seen.get(norm) ?? { means: [], variances: [] };
    this.#seen.set(norm, seen);
    seen.means.push(mean.persist());
    seen.variances.push(variance.persist());
  }

  forget(): void {
    for (const { means, variances } of this.#seen.values())
      for (const value of [...means, ...variances]) value.dispose();
    this.#seen.clear();
  }

  /** running = 0.9 running + 0.1 seen, after the step's backward; several batches of one step (micro-batches) count as their
   * mean. `keep`: the same tensors will hold what the next step sees (CUDA graphs).
   */
  commit({ keep = false }: { keep?: boolean } = {}): void {
    if (this.#seen.size === 0) return;
    const norms = [...this.#seen.keys()];
    const running = norms.flatMap((norm) => [norm.runningMean, norm.runningVar]);
    const seen = norms.flatMap((norm) => Object.values(this.#seen.get(norm)!));
    noGrad(() => {
      ops._foreach_add__Scalar(
        norms.map((norm) => norm.batchesTracked),
        1,
      );
      ops._foreach_mul__Scalar(running, 1 - MOMENTUM);
      for (let k = 0; k < Math.max(...seen.map((values) => values.length)); k++) {
        const at = seen.flatMap((values, i) => (k < values.length ? [i] : []));
        const values = at.map((i) => seen[i][k]);
        ops._foreach_mul__ScalarList(
          values,
          at.map((i) => MOMENTUM / seen[i].length),
        );
        ops._foreach_add__List(
          at.map((i) => running[i]),
          values,
        );
      }
    });
    if (!keep) this.forget();
  }
}

export type Affine = 'both' | 'scale' | 'none';

export interface BatchNormOptions {
  /** Where the gain starts; ones by default. */
  weight?: Tensor;
  affine?: Affine;
  eps?: number;
}

export interface AffineTensors {
  weight: Tensor | null;
  bias: Tensor | null;
}

/** Mean and variance (of n - 1) are [C], without gradient. */
export interface Normalized {
  out: Tensor;
  mean: Tensor;
  variance: Tensor;
}

/** Batch normalisation of [B, C] over B, or of [B, C, H, W] over B, H and W (Ioffe & Szegedy 2015), with PyTorch's names. */
export class BatchNorm extends Module {
  readonly weight: Tensor | null; // [C]
  readonly bias: Tensor | null; // [C]
  readonly runningMean: Tensor; // [C]
  readonly runningVar: Tensor; // [C], of n - 1
  readonly batchesTracked: Tensor; // int64 scalar
  protected readonly eps: number;

  constructor(init: Init, channels: number, { weight, affine = 'both', eps = 1e-5 }: BatchNormOptions = {}) {
    super();
    this.weight = affine === 'none' ? null : this.parameter('weight', weight ?? init.ones([channels]));
    this.bias = affine === 'both' ? this.parameter('bias', init.zeros([channels])) : null;
    this.runningMean = this.buffer('running_mean', init.zeros([channels]));
    this.runningVar = this.buffer('running_var', init.ones([channels]));
    this.batchesTracked = this.buffer(
      'num_batches_tracked',
      zeros([], { dtype: 'int64', device: init.device }),
    );
    this.eps = eps;
  }

  forward(x: Tensor): Tensor {
    const { weight, bias, runningMean, runningVar } = this;
    if (!current) return ops.batch_norm(x, weight, bias, runningMean, runningVar, false, 0, this.eps, true);
    const { out, mean, variance } = this.byBatch(x, { weight, bias });
    current.observe(this, mean, variance);
    return out;
  }

  /** Views [B, V, C], each by its own batch, as if they came one after the other: to the kernel they are V C channels. */
  forwardViews(x: Tensor): Tensor {
    const [rows, views, channels] = x.shape;
    if (!current) return this.forward(x.reshape(rows * views, channels)).view(rows, views, channels);
    const repeated = (values: Tensor | null) => values?.expand(views, channels).reshape(-1) ?? null;
    const affine = { weight: repeated(this.weight), bias: repeated(this.bias) };
    const { out, mean, variance } = this.byBatch(x.reshape(rows, views * channels), affine);
    for (let view = 0; view < views; view++) {
      const of = (statistic: Tensor) => statistic.narrow(0, view * channels, channels);
      current.observe(this, of(mean), of(variance));
    }
    return out.view(rows, views, channels);
  }

  /** Normalised by the statistics of this batch, [B, C'] or [B, C', H, W]; gain and bias are [C'] where there are any. */
  protected byBatch(x: Tensor, { weight, bias }: AffineTensors): Normalized {
    const { dtype, device } = this.runningMean;
    // With a momentum of 1 the kernel writes the batch's own statistics here.
    const statistics = zeros([2, x.shape[1]], { dtype, device });
    const [mean, variance] = [statistics.select(0, 0), statistics.select(0, 1)];
    const out = ops.batch_norm(x, weight, bias, mean, variance, true, 1, this.eps, true);
    return { out, mean, variance };
  }
}

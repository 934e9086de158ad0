import { noGrad, type Tensor, zeros } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import type { Init } from './init.ts';
import { Module } from './module.ts';

/** PyTorch's default. */
const MOMENTUM = 0.1;

let activeStatistics: BatchStatistics | undefined;

/**
 * Training mode of batch norms for one step: within during() they normalise by their batch.
 * Running statistics move only in commit(), so a forward pass is pure.
 */
export class BatchStatistics {
  readonly #observed = new Map<BatchNorm, { means: Tensor[]; variances: Tensor[] }>();

  /** Runs `body` in training mode. Synchronous only. */
  during<T>(body: () => T): T {
    const outer = activeStatistics;
    activeStatistics = this;
    try {
      return body();
    } finally {
      activeStatistics = outer;
    }
  }

  observe(norm: BatchNorm, mean: Tensor, variance: Tensor): void {
    const batches = this.#observed.get(norm) ?? { means: [], variances: [] };
    this.#observed.set(norm, batches);
    batches.means.push(mean.persist());
    batches.variances.push(variance.persist());
  }

  forget(): void {
    for (const { means, variances } of this.#observed.values())
      for (const value of [...means, ...variances]) value.dispose();
    this.#observed.clear();
  }

  /**
   * running = 0.9 running + 0.1 mean over the step's micro-batches, after its backward.
   * @param keep a CUDA graph writes the next step's statistics into the same tensors
   */
  commit({ keep = false }: { keep?: boolean } = {}): void {
    if (this.#observed.size === 0) return;
    const norms = [...this.#observed.keys()];
    const running = norms.flatMap((norm) => [norm.runningMean, norm.runningVar]);
    const observed = norms.flatMap((norm) => Object.values(this.#observed.get(norm)!));
    noGrad(() => {
      ops._foreach_add__Scalar(
        norms.map((norm) => norm.batchesTracked),
        1,
      );
      ops._foreach_mul__Scalar(running, 1 - MOMENTUM);
      for (let k = 0; k < Math.max(...observed.map((values) => values.length)); k++) {
        const indices = observed.flatMap((values, i) => (k < values.length ? [i] : []));
        const values = indices.map((i) => observed[i][k]);
        ops._foreach_mul__ScalarList(
          values,
          indices.map((i) => MOMENTUM / observed[i].length),
        );
        ops._foreach_add__List(
          indices.map((i) => running[i]),
          values,
        );
      }
    });
    if (!keep) this.forget();
  }
}

export type Affine = 'both' | 'scale' | 'none';

export interface BatchNormOptions {
  /** The initial gain; default ones. */
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

/**
 * Batch normalisation of [B, C] or [B, C, H, W] (Ioffe & Szegedy 2015). A frozen one uses its running statistics in training too, and
 * they stay.
 */
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
    if (!activeStatistics || this.isFrozen)
      return ops.batch_norm(x, weight, bias, runningMean, runningVar, false, 0, this.eps, true);
    const { out, mean, variance } = this.byBatch(x, { weight, bias });
    activeStatistics.observe(this, mean, variance);
    return out;
  }

  /** Views [B, V, C], each by its own batch: V C channels of one kernel. */
  forwardViews(x: Tensor): Tensor {
    const [rows, views, channels] = x.shape;
    if (!activeStatistics) return this.forward(x.reshape(rows * views, channels)).view(rows, views, channels);
    const repeated = (values: Tensor | null) => values?.expand(views, channels).reshape(-1) ?? null;
    const affine = { weight: repeated(this.weight), bias: repeated(this.bias) };
    const { out, mean, variance } = this.byBatch(x.reshape(rows, views * channels), affine);
    for (let view = 0; view < views; view++) {
      const channelsOfView = (statistic: Tensor) => statistic.narrow(0, view * channels, channels);
      activeStatistics.observe(this, channelsOfView(mean), channelsOfView(variance));
    }
    return out.view(rows, views, channels);
  }

  /** x [B, C', ...] by its own statistics; gain and bias [C']. */
  protected byBatch(x: Tensor, { weight, bias }: AffineTensors): Normalized {
    const { dtype, device } = this.runningMean;
    // At momentum 1 the kernel writes the batch's statistics here.
    const statistics = zeros([2, x.shape[1]], { dtype, device });
    const [mean, variance] = [statistics.select(0, 0), statistics.select(0, 1)];
    const out = ops.batch_norm(x, weight, bias, mean, variance, true, 1, this.eps, true);
    return { out, mean, variance };
  }
}

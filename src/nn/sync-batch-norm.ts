// W ranks, b rows of each, C channels.
import type { Ranks } from '../ranks/index.ts';
import type { Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { type AffineTensors, BatchNorm, type BatchNormOptions, type Normalized } from './batch-norm.ts';
import type { Init } from './init.ts';

/**
 * A batch norm by the statistics of all ranks, with gradient: W ranks of b rows are one rank of W b rows.
 * All ranks must have equally many rows.
 * @equation FastCL 7.1: batch norms over ranks: mean of means; mean of variances + variance of means
 */
export class SyncBatchNorm extends BatchNorm {
  readonly #ranks: Ranks;

  constructor(init: Init, channels: number, { ranks, ...options }: BatchNormOptions & { ranks: Ranks }) {
    super(init, channels, options);
    this.#ranks = ranks;
  }

  protected override byBatch(x: Tensor, affine: AffineTensors): Normalized {
    const { worldSize } = this.#ranks;
    if (worldSize === 1) return super.byBatch(x, affine);
    const channels = x.shape[1];
    const exact = x.dtype === 'float64' ? x : x.to('float32');
    const { mean, variance } = this.#statistics(exact);
    const perChannel = (values: Tensor) =>
      values.view(...x.shape.map((_, dim) => (dim === 1 ? channels : 1)));
    const scale = ops.reciprocal(variance.add(this.eps).sqrt());
    const gain = affine.weight ? scale.mul(affine.weight) : scale;
    const centred = exact.sub(perChannel(mean)).mul(perChannel(gain));
    const out = affine.bias ? centred.add(perChannel(affine.bias)) : centred;
    const rows = (worldSize * x.size) / channels;
    return {
      out: out.to(x.dtype),
      mean: mean.detach(),
      variance: variance.detach().mul(rows / (rows - 1)),
    };
  }

  /**
   * Mean and variance (of n) over all ranks: the variance is within ranks plus between ranks.
   * @equation FastCL 7.1: batch norms over ranks: mean of means; mean of variances + variance of means
   */
  #statistics(x: Tensor): { mean: Tensor; variance: Tensor } {
    const dims = x.shape.map((_, dim) => dim).filter((dim) => dim !== 1);
    const local = ops.stack([x.mean(dims), ops.var_correction(x, dims, 0)]).unsqueeze(0); // [1, 2, C]
    const all = this.#ranks.allGatherWithGrad(local, 'batch_norm'); // [W, 2, C]
    const means = all.select(1, 0);
    const mean = means.mean(0);
    const between = means.sub(mean).pow(2).mean(0);
    return { mean, variance: all.select(1, 1).mean(0).add(between) };
  }
}

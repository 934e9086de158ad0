import type { Traffic } from '../torch/dist.ts';
import type { Tensor } from '../torch/index.ts';

export type { Traffic };

/** Replaces gradients by their mean over ranks. */
export interface GradientAverager {
  /** Before the backward that averages, not before one that only accumulates. */
  prepare(): void;
  /** After it: every `.grad` is then the mean over ranks. */
  finish(): void;
  /** prepare(), backward of `loss`, finish(). Throws a CoupletError that names a lost rank. */
  backward(loss: Tensor): void;
  dispose(): void;
}

export interface AveragerOptions {
  /** Average while backward runs; default where libtorch can. */
  overlap?: boolean;
  /** Bytes averaged at once; default 25 MiB, the first at most 1 MiB. */
  bucketBytes?: number;
  /** Name of the traffic; default `gradients`. */
  label?: string;
}

/**
 * The ranks of this run, seen from one of W. All ranks call the same collectives in the same order, with tensors of the same
 * shape. `label` names the traffic: `features`, `u`, `ids`. When a rank is lost, the others throw a CoupletError that names it.
 * Do not change results in place: with one rank a result is the argument itself.
 * @equation FastCLIP 4: FastCLIP, features: all-gather of images and of texts, without gradient; 8 (K - 1) b E bytes, none backward
 * @equation FastCLIP 4: OpenCLIP: all-gather with gradient; 8 (K - 1) b E bytes forward, as many backward (reduce-scatter)
 */
export interface Ranks {
  readonly rank: number;
  readonly localRank: number;
  readonly worldSize: number;
  /** [b, ...] of each rank -> [W b, ...], in order of ranks, without gradient. Any dtype. */
  allGather(mine: Tensor, label: string): Tensor;
  /** The same with gradient, which is summed over ranks (a reduce-scatter with the label `..._gradient`). */
  allGatherWithGrad(mine: Tensor, label: string): Tensor;
  allReduceSum(mine: Tensor, label: string): Tensor;
  allReduceMean(mine: Tensor, label: string): Tensor;
  allReduceMax(mine: Tensor, label: string): Tensor;
  /** [W b, ...] -> [b, ...]: this rank's rows of the sum over ranks. */
  reduceScatter(mine: Tensor, label: string): Tensor;
  /** Overwrites `target` with that of rank `root`, default 0. */
  broadcast(target: Tensor, options: { root?: number; label: string }): void;
  /** Waits for all ranks on the host; GPUs may still be at work. */
  barrier(what?: string): void;
  /** Rank 0's text on every rank; the others may pass undefined. */
  share(what: string, text: string | undefined): string;
  /** Restarts the time limit of ranks that wait in share() or barrier() while this one works. */
  atWork(): void;
  /** Throws a CoupletError with the difference when ranks have different texts. */
  checkSame(label: string, text: string): void;
  /** Parameters have the same names and order on every rank, and each must get a gradient. */
  averager(params: ReadonlyMap<string, Tensor>, options?: AveragerOptions): GradientAverager;
  /**
   * True on every rank from the same call on, once any rank has voted true: so all stop at the same step.
   * On GPUs it answers two calls late, and so does not wait for the device.
   */
  anyWants(vote: boolean): boolean;
  /** Traffic of this rank since the last reset, by label (formulas in docs/running-on-many.md). */
  bytes(): Record<string, Traffic>;
  resetBytes(): void;
  /** Tells the other ranks why this one stops. Returns the error to throw. */
  failed(error: unknown): Error;
  /** Leaves the group; does nothing after failed(). */
  close(): void;
}

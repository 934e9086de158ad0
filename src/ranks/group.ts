// What a rank can do with the others. One interface, two implementations: alone, where everything is the identity, and connected.

import type { Traffic } from '../torch/dist.ts';
import type { Tensor } from '../torch/index.ts';

export type { Traffic };

/** Makes the gradients of parameters the mean over ranks. */
export interface GradientAverager {
  /** The next backward averages. Before it; not before those whose gradients are only accumulated. */
  prepare(): void;
  /** After that backward: every `.grad` holds the mean over ranks. */
  finish(): void;
  /** prepare, backward of `loss`, finish; a rank that is lost meanwhile is named. */
  backward(loss: Tensor): void;
  dispose(): void;
}

export interface AveragerOptions {
  /** Average while backward runs (default, where libtorch can), or all at once after it. */
  overlap?: boolean;
  /** Size of the pieces that are averaged at once; default 25 MiB, the first 1 MiB. */
  bucketBytes?: number;
  /** What the traffic is counted under; default `gradients`. */
  label?: string;
}

/**
 * The ranks of this run, seen from one. Collectives are called by all ranks in the same order, with tensors of one shape;
 * the first call of each kind is compared between ranks. `label` is what the traffic is counted under: `features`, `u`, `ids`.
 * Waiting is bounded: when a rank is lost the others throw a CoupletError that names it.
 * Results may be the argument itself (when alone), so they are not to be changed in place.
 */
export interface Ranks {
  readonly rank: number;
  readonly localRank: number;
  readonly worldSize: number;
  /** b rows of each rank -> all rows, [W b, ...], in order of ranks, without gradient. Any dtype. */
  allGather(mine: Tensor, label: string): Tensor;
  /** The same with gradient: what comes back to a rank's rows is summed over ranks (a reduce-scatter, label `..._gradient`). */
  allGatherWithGrad(mine: Tensor, label: string): Tensor;
  allReduceSum(given: Tensor, label: string): Tensor;
  allReduceMean(given: Tensor, label: string): Tensor;
  allReduceMax(given: Tensor, label: string): Tensor;
  /** [W b, ...] -> [b, ...]: this rank's rows of the sum over ranks. */
  reduceScatter(given: Tensor, label: string): Tensor;
  /** Overwrites the tensor with that of rank `root`. */
  broadcast(target: Tensor, options: { root?: number; label: string }): void;
  /** Waits until all ranks are here. On the host: work given to a GPU may still run. */
  barrier(what?: string): void;
  /** Rank 0's text, on every rank; the others may pass undefined. */
  share(what: string, text: string | undefined): string;
  /** Said now and then by a rank that works alone while the others wait in share() or barrier(): their limit starts anew. */
  atWork(): void;
  /** Throws a CoupletError that says what differs, when ranks have different texts (a config as JSON, say). */
  checkSame(label: string, text: string): void;
  /** Averages the gradients of these parameters, named and in the same order on every rank; all must get one. */
  averager(params: ReadonlyMap<string, Tensor>, options?: AveragerOptions): GradientAverager;
  /**
   * True on every rank at the same call, once any rank has wanted it: for stopping at the same step.
   * On GPUs it answers two calls late, so that nobody waits for the device.
   */
  anyWants(wanted: boolean): boolean;
  /** Traffic of this rank since the last reset, by label, by the formulas of a ring (fastclip.md 4.2). */
  bytes(): Record<string, Traffic>;
  resetBytes(): void;
  /** Tells the others why this rank stops, and gives back what to throw: for an error, the sentence that names its cause. */
  failed(error: unknown): Error;
  /** Leaves. After failed() it does nothing. */
  close(): void;
}

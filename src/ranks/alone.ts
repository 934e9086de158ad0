import { backward, type Tensor } from '../torch/index.ts';
import type { GradientAverager, Ranks } from './group.ts';

const same = (tensor: Tensor) => tensor;
const nothing = () => {};

export const nothingToAverage: GradientAverager = {
  prepare: nothing,
  finish: nothing,
  backward: (loss) => backward(loss),
  dispose: nothing,
};

/** One rank: every collective is the identity. */
export const alone: Ranks = {
  rank: 0,
  localRank: 0,
  worldSize: 1,
  allGather: (mine) => (mine.requiresGrad ? mine.detach() : mine),
  allGatherWithGrad: same,
  allReduceSum: same,
  allReduceMean: same,
  allReduceMax: same,
  reduceScatter: same,
  broadcast: nothing,
  barrier: nothing,
  share: (_what, text) => text ?? '',
  atWork: nothing,
  checkSame: nothing,
  averager: () => nothingToAverage,
  anyWants: (vote) => vote,
  bytes: () => ({}),
  resetBytes: nothing,
  failed: (error) => error as Error,
  close: nothing,
};

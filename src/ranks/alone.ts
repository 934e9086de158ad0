import { backward, type Tensor } from '../torch/index.ts';
import type { GradientAverager, Ranks } from './group.ts';

const same = (tensor: Tensor) => tensor;
const nothing = () => {};

/** The averager of a rank alone: its gradients are the mean already. */
export const nothingToAverage: GradientAverager = {
  prepare: nothing,
  finish: nothing,
  backward: (loss) => backward(loss),
  dispose: nothing,
};

/** The only rank: every collective is the identity and moves nothing. */
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
  anyWants: (wanted) => wanted,
  bytes: () => ({}),
  resetBytes: nothing,
  failed: (error) => error as Error,
  close: nothing,
};

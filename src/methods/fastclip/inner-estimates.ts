// b pairs of this rank, B of all ranks.
import {
  type AnchorState,
  eachOf,
  logInnerEstimate,
  logNegativeCount,
  logNegativeCountIn,
  movingAverage,
  negativesOf,
  type PerAnchor,
  type Similarity,
  similarityOf,
} from '../../losses/global-contrastive.ts';
import type { Ranks } from '../../ranks/index.ts';
import type { Clock } from '../../time/clock.ts';
import { gammaSchedule } from '../../time/schedules.ts';
import type { Tensor } from '../../torch/index.ts';
import * as ops from '../../torch/ops.ts';
import { temperaturesIn } from './individual-temperatures.ts';
import type { FastClipParts } from './options.ts';
import type { SampleTable } from './sample-table.ts';

export interface StepSamples {
  local: PerAnchor; // [b, E] with gradient
  global: PerAnchor; // [B, E]
  similarity: Similarity; // [b, B] with gradient
  ids: Tensor; // [B]
  negatives: Tensor; // [b, B]
  logCount: Tensor; // [B] log |B_i-|
  previous: { values: Tensor; visited: Tensor }; // [columns, b], [b]
}

interface GatherOptions {
  ranks: Ranks;
  table: SampleTable;
  gathersGradient: boolean;
}

/**
 * Gathers features and ids of all ranks, and this rank's rows of the table.
 * @equation FastCLIP 4: FastCLIP, features: all-gather of images and of texts, without gradient; 8 (K - 1) b E bytes, none backward
 * @equation FastCLIP 4: FastCLIP, ids: one all-gather of int64; 8 (K - 1) b bytes
 */
export function gatherSamples(
  local: PerAnchor,
  localIds: Tensor,
  { ranks, table, gathersGradient }: GatherOptions,
): StepSamples {
  const gather = (features: Tensor) =>
    gathersGradient
      ? ranks.allGatherWithGrad(features, 'features')
      : ranks.allGather(features.detach(), 'features');
  const global = { image: gather(local.image), text: gather(local.text) };
  const ids = ranks.allGather(localIds, 'ids');
  const negatives = negativesOf(localIds, ids);
  const { dtype } = local.image;
  return {
    local,
    global,
    similarity: similarityOf(local, global),
    ids,
    negatives,
    logCount: ranks.worldSize === 1 ? logNegativeCountIn(negatives, dtype) : logNegativeCount(ids, dtype),
    previous: table.read(ids),
  };
}

/** [count, b] -> [count, B], of all ranks. */
export function gatherColumns(columns: Tensor, ranks: Ranks): Tensor {
  if (ranks.worldSize === 1) return columns;
  return ranks.allGather(columns.t.contiguous(), 'u').t;
}

export interface InnerEstimates {
  logInner: PerAnchor; // [b] log g
  local: AnchorState; // [b] each
  global: AnchorState; // [B] each
  logU: Tensor; // [2, B] new log(eps + u)
}

/** FastCLIP 1.4: g and the new u of this rank's anchors, then u of all, at the temperatures before the step. */
export function innerEstimates(
  { similarity, negatives, logCount: logCountOfAll, previous: { values, visited } }: StepSamples,
  {
    tau,
    individual,
    gamma,
    eps,
    ranks,
  }: {
    tau: Tensor;
    individual: boolean;
    gamma: number;
    eps: number;
    ranks: Ranks;
  },
): InnerEstimates {
  const count = visited.shape[0];
  const logCount = logCountOfAll.narrow(0, ranks.rank * count, count);
  const taus = individual ? temperaturesIn(values) : undefined; // [2, b]
  const logInner = logInnerEstimate(similarity.difference, { negatives, logCount, tau: taus ?? tau });
  const logU = movingAverage(values.narrow(0, 0, 2), logInner, { visited, gamma, eps }); // [2, b]
  const all = gatherColumns(taus ? ops.cat([logU, taus], 0) : logU, ranks);
  const logUOfAll = all.narrow(0, 0, 2);
  return {
    logInner: eachOf(logInner),
    local: { logU: eachOf(logU), logCount, ...(taus && { tau: eachOf(taus) }) },
    global: {
      logU: eachOf(logUOfAll),
      logCount: logCountOfAll,
      ...(taus && { tau: eachOf(all.narrow(0, 2, 2)) }),
    },
    logU: logUOfAll,
  };
}

/** gamma (FastCLIP 2), with whole epochs. */
export function gammaAt({ shape, min, decayShare, per }: FastClipParts['gamma'], clock: Clock): number {
  const epochs = Math.ceil(clock.totalEpochs - 1e-9); // 35 epochs are 34.8 on the clock
  const decayEpochs = Math.max(1, Math.floor(decayShare * epochs + 1e-9)); // 0.29 * 100 is below 29 in binary
  return gammaSchedule({ shape, min, per, decayEpochs })(clock);
}

/**
 * FastCLIP 1.8: `loss` is InfoNCE, log(1 + |B_i-| g_i), comparable with clip's.
 * @equation FastCLIP 1.8: logged: InfoNCE as log(1 + |B_i-| g_i), and mean log(eps + u)
 */
export function metricsOf({ logInner, local }: InnerEstimates, tau: Tensor): Record<string, Tensor> {
  const average = (pair: PerAnchor) => pair.image.add(pair.text).mean().mul(0.5);
  const infoNce = (logG: Tensor) => ops.softplus(logG.add(local.logCount));
  const temperature = local.tau ? average(local.tau) : tau;
  return {
    loss: average({ image: infoNce(logInner.image), text: infoNce(logInner.text) }),
    log_u: average(local.logU),
    logit_scale: temperature.pow(-1),
    temperature,
  };
}

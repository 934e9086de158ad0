// b pairs of this rank, B of all ranks, n samples of the data set.
import type { z } from 'zod';
import {
  type AnchorState,
  eachOf,
  individualTemperatureGradient,
  logInnerEstimate,
  logNegativeCount,
  logNegativeCountIn,
  movingAverage,
  negativesOf,
  type PerAnchor,
  plainTemperatureGradient,
  type Similarity,
  similarityOf,
  surrogateLoss,
  temperatureGradient,
} from '../../losses/global-contrastive.ts';
import type { NamedParams } from '../../nn/module.ts';
import type { Ranks } from '../../ranks/index.ts';
import type { StepContext } from '../../time/clock.ts';
import { gammaSchedule } from '../../time/schedules.ts';
import { noGrad, type Tensor } from '../../torch/index.ts';
import * as ops from '../../torch/ops.ts';
import {
  type Batch,
  defineMethod,
  type Features,
  type Method,
  type MethodContext,
  type MethodState,
  plainView,
} from '../method.ts';
import { TwoTowers, twoTowersCost } from '../shared/two-towers.ts';
import {
  movedTemperatures,
  TEMPERATURE_COLUMNS,
  type TemperatureState,
  unpackTemperatures,
} from './individual-temperatures.ts';
import { type FastClipParts, fastClipOptions, fastClipParts } from './options.ts';
import { SampleTable } from './sample-table.ts';
import { LearnedTemperature } from './temperature.ts';

/** What moves after the step: rows of the sample table for all ids of the batch, and the global temperature's gradient. */
interface Next {
  ids: Tensor; // int64 [B]
  rows: Tensor; // [columns, B]
  temperatureGradient?: Tensor;
}

/** What one step knows of its samples before the loss. */
interface Sight {
  features: PerAnchor; // [b, E] with gradient
  global: PerAnchor; // [B, E]
  similarity: Similarity; // [b, B] with gradient
  ids: Tensor; // [B]
  negatives: Tensor; // [b, B]
  logCount: Tensor; // [B] log of how many of them each sample has
  tau: Tensor; // scalar
  previous: { values: Tensor; visited: Tensor }; // [columns, b], [b]
}

/** FastCLIP (Wei et al. 2024), all versions: a global contrastive loss with a moving average u per sample. */
class FastClip implements Method<Next> {
  readonly model: NamedParams;
  readonly params: NamedParams;
  readonly state: MethodState;
  readonly tables: ReadonlyMap<string, SampleTable>;
  readonly #parts: FastClipParts;
  readonly #adam: { beta1: number; beta2: number; eps: number };
  readonly #towers: TwoTowers;
  readonly #temperature: LearnedTemperature;
  readonly #table: SampleTable;
  readonly #ranks: Ranks;

  constructor(context: MethodContext<z.output<typeof fastClipOptions>>) {
    const { datasetSize, device, ranks, optimizer } = context;
    this.#parts = fastClipParts(context.options);
    this.#ranks = ranks;
    const { peakLr, ...adam } = optimizer;
    this.#adam = adam;
    const { temperature } = this.#parts;
    this.#towers = new TwoTowers({ ...context, temperature: temperature.init });
    const lr = temperature.lrShare * peakLr;
    this.#temperature = new LearnedTemperature(this.#towers.clip.logLogitScale, {
      ...temperature,
      ...adam,
      lr,
      peakLr,
    });
    const own = temperature.rule === 'individual' ? [temperature.init, 0, 0, temperature.init, 0, 0] : [];
    this.#table = new SampleTable({ datasetSize, device, ranks, fill: [0, 0, ...own] });
    this.tables = new Map([['samples', this.#table]]);
    this.model = this.#towers.clip.namedTensors();
    this.params = this.#towers.clip.namedParameters();
    this.params.delete('logit_scale');
    this.state = new Map(this.#temperature.state);
  }

  encodeImages = (images: Tensor) => this.#towers.images(images);
  encodeTexts = (tokens: Tensor) => this.#towers.texts(tokens);
  features = (batch: Batch, clock: StepContext) => this.#towers.features(batch, clock);

  lossKey = (clock: StepContext) => String(this.#gamma(clock));

  loss(features: Features, ids: Tensor, clock: StepContext) {
    const sight = this.#look(features as unknown as PerAnchor, ids);
    const { own, all, rows, logInner } = noGrad(() => this.#anchors(sight, clock));
    const { rho, timesTau, temperature } = this.#parts;
    const { loss, a } = surrogateLoss(
      { ...sight, local: sight.features },
      { local: own, global: all, tau: sight.tau, timesTau, gathersGradient: this.#gathersGradient },
    );
    return noGrad(() => {
      // Some twenty small kernels, which show beside small towers: only for steps that are logged.
      const metrics = () => this.#metrics(logInner, own, sight.tau);
      const next: Next = { ids: sight.ids, rows };
      if (temperature.rule === 'global') {
        const form = temperature.gradient;
        const slope = timesTau
          ? temperatureGradient(own.logU, a, { rho, form })
          : plainTemperatureGradient(a, { tau: sight.tau, form });
        next.temperatureGradient = this.#ranks.allReduceMean(slope, 'temperature');
      } else if (temperature.rule === 'individual') {
        next.rows = this.#withTemperatures(sight, { own, a, rows, clock });
      }
      return { loss, metrics, next };
    });
  }

  commit(next: Next, clock: StepContext): void {
    this.#table.write(next.ids, next.rows);
    if (next.temperatureGradient) this.#temperature.step(next.temperatureGradient, clock);
  }

  /** Alone both reductions have the same gradient, and this one takes half the kernels. */
  get #gathersGradient(): boolean {
    return this.#parts.gathersGradient || this.#ranks.worldSize === 1;
  }

  /** Brings what this rank needs of the others: features, ids, and the samples' rows. */
  #look(features: PerAnchor, localIds: Tensor): Sight {
    const gather = (local: Tensor) =>
      this.#gathersGradient
        ? this.#ranks.allGatherWithGrad(local, 'features')
        : this.#ranks.allGather(local.detach(), 'features');
    const global = { image: gather(features.image), text: gather(features.text) };
    const ids = this.#ranks.allGather(localIds, 'ids');
    const negatives = negativesOf(localIds, ids);
    const { dtype } = features.image;
    return {
      features,
      global,
      similarity: similarityOf(features, global),
      ids,
      negatives,
      logCount:
        this.#ranks.worldSize === 1 ? logNegativeCountIn(negatives, dtype) : logNegativeCount(ids, dtype),
      tau: this.#temperature.tau,
      previous: this.#table.read(ids),
    };
  }

  /** The new u of this rank's anchors, then of all; the temperatures are those of before the step. */
  #anchors({ similarity, negatives, logCount: countOfAll, tau, previous }: Sight, clock: StepContext) {
    const { eps, temperature } = this.#parts;
    const { values, visited } = previous;
    const count = visited.shape[0];
    const logCount = countOfAll.narrow(0, this.#ranks.rank * count, count);
    const taus = temperature.rule === 'individual' ? temperaturesIn(values) : undefined; // [2, b]
    const logInner = logInnerEstimate(similarity.difference, { negatives, logCount, tau: taus ?? tau });
    const average = { visited, gamma: this.#gamma(clock), eps };
    const logU = movingAverage(values.narrow(0, 0, 2), logInner, average); // [2, b]
    const scalars = this.#gatherColumns(taus ? ops.cat([logU, taus], 0) : logU);
    const own: AnchorState = { logU: eachOf(logU), logCount, ...(taus && { tau: eachOf(taus) }) };
    const all: AnchorState = {
      logU: eachOf(scalars.narrow(0, 0, 2)),
      logCount: countOfAll,
      ...(taus && { tau: eachOf(scalars.narrow(0, 2, 2)) }),
    };
    return { own, all, logInner: eachOf(logInner), rows: scalars.narrow(0, 0, 2) };
  }

  /** Scalars of this rank's samples, [count, b] -> of all, [count, B]. */
  #gatherColumns(columns: Tensor): Tensor {
    if (this.#ranks.worldSize === 1) return columns;
    return this.#ranks.allGather(columns.t.contiguous(), 'u').t;
  }

  /** The table's new rows with v2's temperatures moved, [8, B]. */
  #withTemperatures(
    sight: Sight,
    step: { own: AnchorState; a: PerAnchor; rows: Tensor; clock: StepContext },
  ): Tensor {
    const { individualLr, min, max } = this.#parts.temperature;
    const before = unpackTemperatures(sight.previous.values.narrow(0, 2, TEMPERATURE_COLUMNS));
    const gradient = individualTemperatureGradient(step.own.logU, step.a, this.#parts.rho);
    const options = { ...this.#adam, lr: individualLr, min, max, epoch: step.clock.epoch };
    const columns = (['image', 'text'] as const).flatMap((side) => {
      const { tau, first, second }: TemperatureState = movedTemperatures(
        before[side],
        gradient[side],
        options,
      );
      return [tau, first, second];
    });
    return ops.cat([step.rows, this.#gatherColumns(ops.stack(columns))], 0);
  }

  #gamma(clock: StepContext): number {
    const { shape, min, decayShare, per } = this.#parts.gamma;
    // The last, partial batch of a run is left out: 35 epochs are 34.8 on the clock. The tolerance is for 0.29 * 100.
    const epochs = Math.ceil(clock.totalEpochs - 1e-9);
    const decayEpochs = Math.max(1, Math.floor(decayShare * epochs + 1e-9));
    return gammaSchedule({ shape, min, per, decayEpochs })(clock);
  }

  /** `loss` is the InfoNCE that this batch has, log(1 + |B_i-| g_i): comparable with `clip`; the surrogate's value means nothing. */
  #metrics(logInner: PerAnchor, own: AnchorState, tau: Tensor): Record<string, Tensor> {
    const average = (pair: PerAnchor) => pair.image.add(pair.text).mean().mul(0.5);
    const infoNce = (logG: Tensor) => ops.softplus(logG.add(own.logCount));
    const temperature = own.tau ? average(own.tau) : tau;
    return {
      loss: average({ image: infoNce(logInner.image), text: infoNce(logInner.text) }),
      log_u: average(own.logU),
      logit_scale: temperature.pow(-1),
      temperature,
    };
  }

  dispose(): void {
    this.#towers.dispose();
    this.#temperature.dispose();
    this.#table.dispose();
  }
}

/** The temperatures in the rows of a table, [2, b]. */
function temperaturesIn(values: Tensor): Tensor {
  const { image, text } = unpackTemperatures(values.narrow(0, 2, TEMPERATURE_COLUMNS));
  return ops.stack([image.tau, text.tau]);
}

export const fastclip = defineMethod({
  name: 'fastclip',
  options: fastClipOptions,
  needs: { tokens: true },
  views: plainView,
  cost: twoTowersCost,
  create: (context) => new FastClip(context),
});

// b pairs of this rank, B of all ranks, n samples of the data set.
import type { z } from 'zod';
import {
  individualTemperatureGradient,
  type PerAnchor,
  plainTemperatureGradient,
  surrogateLoss,
  temperatureGradient,
} from '../../losses/global-contrastive.ts';
import type { StepContext } from '../../time/clock.ts';
import { noGrad, type Tensor } from '../../torch/index.ts';
import * as ops from '../../torch/ops.ts';
import type { Features, MethodContext } from '../method.ts';
import { defineTwoTowers, TwoTowerMethod } from '../shared/two-towers.ts';
import { movedColumns, temperatureColumns } from './individual-temperatures.ts';
import {
  gammaAt,
  gatherColumns,
  gatherSamples,
  type InnerEstimates,
  innerEstimates,
  metricsOf,
  type StepSamples,
} from './inner-estimates.ts';
import { type FastClipParts, fastClipOptions, fastClipParts } from './options.ts';
import { SampleTable } from './sample-table.ts';
import { LearnedTemperature } from './temperature.ts';

type Options = z.output<typeof fastClipOptions>;

interface Next {
  ids: Tensor; // int64 [B]
  rows: Tensor; // [columns, B]
  temperatureGradient?: Tensor;
}

/** FastCLIP in all versions (FastCLIP 1.3). */
class FastClip extends TwoTowerMethod<Options, Next> {
  readonly tables: ReadonlyMap<string, SampleTable>;
  readonly #parts: FastClipParts;
  readonly #adam: { beta1: number; beta2: number; eps: number };
  readonly #temperature: LearnedTemperature;
  readonly #table: SampleTable;

  constructor(context: MethodContext<Options>) {
    const parts = fastClipParts(context.options);
    const { temperature } = parts;
    super(context, { temperature: temperature.init });
    const { datasetSize, device, ranks } = context;
    const { peakLr, ...adam } = context.optimizer;
    this.#parts = parts;
    this.#adam = adam;
    const rates = { ...adam, lr: temperature.lrShare * peakLr, peakLr };
    this.#temperature = new LearnedTemperature(this.clip.logLogitScale, { ...temperature, ...rates });
    for (const [name, tensor] of this.#temperature.state) this.state.set(name, tensor);
    this.params.delete('logit_scale'); // moved by LearnedTemperature
    const individual = temperature.rule === 'individual' ? temperatureColumns(temperature.init) : [];
    this.#table = new SampleTable({ datasetSize, device, ranks, fill: [0, 0, ...individual] });
    this.tables = new Map([['samples', this.#table]]);
  }

  override lossKey(context: StepContext): string {
    return String(gammaAt(this.#parts.gamma, context));
  }

  loss({ image, text }: Features, ids: Tensor, context: StepContext) {
    const { ranks } = this;
    const { eps, timesTau, temperature } = this.#parts;
    const gathersGradient = this.#gathersGradient;
    const samples = gatherSamples({ image, text }, ids, { ranks, table: this.#table, gathersGradient });
    const tau = this.#temperature.tau;
    const individual = temperature.rule === 'individual';
    const gamma = gammaAt(this.#parts.gamma, context);
    const estimates = noGrad(() => innerEstimates(samples, { tau, individual, gamma, eps, ranks }));
    const { loss, a } = surrogateLoss(samples, { ...estimates, tau, timesTau, gathersGradient });
    const metrics = () => metricsOf(estimates, tau);
    return { loss, metrics, next: noGrad(() => this.#next(samples, { estimates, a, tau, context })) };
  }

  /** On one rank both reductions have the same gradient, and this one takes half the kernels. */
  get #gathersGradient(): boolean {
    return this.#parts.gathersGradient || this.ranks.worldSize === 1;
  }

  /** @param step `a` [b] of FastCLIP 1.6 */
  #next(
    samples: StepSamples,
    step: { estimates: InnerEstimates; a: PerAnchor; tau: Tensor; context: StepContext },
  ): Next {
    const { ids } = samples;
    const { estimates, a, tau } = step;
    const { rho, eps, timesTau, temperature } = this.#parts;
    const { logU } = estimates.local;
    if (temperature.rule === 'constant') return { ids, rows: estimates.logU };
    if (temperature.rule === 'global') {
      const form = temperature.gradient;
      const slope = timesTau
        ? temperatureGradient(logU, a, { rho, form, eps })
        : plainTemperatureGradient(a, { tau, form });
      return {
        ids,
        rows: estimates.logU,
        temperatureGradient: this.ranks.allReduceMean(slope, 'temperature'),
      };
    }
    const { individualLr, min, max } = temperature;
    const moved = movedColumns(samples.previous.values, individualTemperatureGradient(logU, a, rho), {
      ...this.#adam,
      ...{ lr: individualLr, min, max, epoch: step.context.epoch },
    });
    return { ids, rows: ops.cat([estimates.logU, gatherColumns(moved, this.ranks)], 0) };
  }

  override commit(next: Next, context: StepContext): void {
    this.#table.write(next.ids, next.rows);
    if (next.temperatureGradient) this.#temperature.step(next.temperatureGradient, context);
  }

  override dispose(): void {
    super.dispose();
    this.#temperature.dispose();
    this.#table.dispose();
  }
}

export const fastclip = defineTwoTowers({
  name: 'fastclip',
  options: fastClipOptions,
  create: (context) => new FastClip(context),
});

import { z } from 'zod';
import {
  logInnerEstimate,
  logNegativeCount,
  negativesOf,
  type PerAnchor,
  surrogateLoss,
  temperatureGradient,
} from '../losses/global-contrastive.ts';
import type { NamedParams } from '../nn/module.ts';
import { type Clock, gammaSchedule } from '../schedules.ts';
import { noGrad, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { InnerEstimators } from './inner-estimators.ts';
import { type Batch, defineMethod, type Method, type MethodContext, type MethodState } from './method.ts';
import { LearnedTemperature } from './temperature.ts';
import { TwoTowers } from './two-towers.ts';

const gamma = z.strictObject({
  shape: z.enum(['cosine', 'constant']).default('cosine').describe('of the inner learning rate over epochs'),
  min: z
    .number()
    .gt(0)
    .max(1)
    .default(0.2)
    .describe('its final or constant value; the first epoch always has 1'),
  decayShare: z
    .number()
    .gt(0)
    .max(1)
    .default(0.5)
    .describe('the share of the run after which the cosine has reached min'),
  per: z.enum(['epoch', 'step']).default('epoch').describe('how often it moves; per epoch as published'),
});

const temperature = z.strictObject({
  init: z.number().positive().default(0.07).describe('where the temperature starts'),
  lrShare: z.number().min(0).default(0.25).describe('its learning rate as a share of optimizer.peakLr'),
  schedule: z
    .enum(['step-threshold', 'constant'])
    .default('step-threshold')
    .describe('a third of the rate below 0.03, or constant'),
  gradient: z
    .enum(['exact', 'released'])
    .default('exact')
    .describe('of RGCL-g, or as the released code has it'),
  min: z.number().positive().default(0.01),
  max: z.number().positive().default(1),
});

const options = z.strictObject({
  name: z.literal('fastclip'),
  version: z.literal('v3').default('v3'),
  rho: z.number().default(6.5).describe('the radius of the KL ball that the temperature settles on'),
  eps: z
    .number()
    .positive()
    .default(1e-14)
    .describe('added to u; weighs down anchors that are well separated'),
  gamma: gamma.default(gamma.parse({})),
  temperature: temperature.default(temperature.parse({})),
});

interface Next {
  ids: Tensor;
  logU: PerAnchor;
  temperatureGradient: Tensor;
}

/** FastCLIP-v3 (Wei et al. 2024): RGCL-g with a moving average u per sample and a global learned temperature. */
class FastClip implements Method<Next> {
  readonly model: NamedParams;
  readonly params: NamedParams;
  readonly state: MethodState;
  readonly #options: z.output<typeof options>;
  readonly #towers: TwoTowers;
  readonly #temperature: LearnedTemperature;
  readonly #u: InnerEstimators;

  constructor(context: MethodContext<z.output<typeof options>>) {
    const { temperature, eps } = context.options;
    this.#options = context.options;
    this.#towers = new TwoTowers({ ...context, temperature: temperature.init });
    const { beta1, beta2, eps: adamEps, peakLr } = context.optimizer;
    this.#temperature = new LearnedTemperature(this.#towers.clip.logLogitScale, {
      ...temperature,
      lr: temperature.lrShare * peakLr,
      beta1,
      beta2,
      eps: adamEps,
    });
    this.#u = new InnerEstimators({ datasetSize: context.datasetSize, eps, device: context.device });
    this.model = this.#towers.clip.namedParameters();
    this.params = new Map([...this.model].filter(([name]) => name !== 'logit_scale'));
    this.state = new Map([...this.#u.state, ...this.#temperature.state]);
  }

  encodeImages = (images: Tensor) => this.#towers.images(images);
  encodeTexts = (tokens: Tensor) => this.#towers.texts(tokens);

  loss(batch: Batch, clock: Clock) {
    const local = { image: this.#towers.images(batch.images), text: this.#towers.texts(batch.tokens) };
    const global = { image: local.image.detach(), text: local.text.detach() };
    const negatives = negativesOf(batch.ids, batch.ids);
    const tau = this.#temperature.tau;

    const { logInner, logU, logCount } = noGrad(() => {
      const similarity = global.image.matmul(global.text.t);
      const inner = (s: Tensor) => logInnerEstimate(s, similarity.diagonal(), { negatives, tau });
      const logInner = { image: inner(similarity), text: inner(similarity.t) };
      const logU = this.#u.updated(batch.ids, logInner, this.#gamma(clock));
      return { logInner, logU, logCount: logNegativeCount(negatives, similarity) };
    });

    const anchors = { logU, logCount };
    const { loss, a } = surrogateLoss({ local, global, negatives }, { local: anchors, global: anchors, tau });
    const { rho, temperature } = this.#options;
    const gradient = noGrad(() => temperatureGradient(logU, a, { rho, form: temperature.gradient }));
    return {
      loss: loss.mul(tau),
      metrics: noGrad(() => this.#metrics(logInner, logU, tau, logCount)),
      next: { ids: batch.ids, logU, temperatureGradient: gradient },
    };
  }

  commit(next: Next): void {
    this.#u.store(next.ids, next.logU);
    this.#temperature.step(next.temperatureGradient);
  }

  #gamma(clock: Clock): number {
    const { shape, min, decayShare, per } = this.#options.gamma;
    // The last, partial batch of a run is left out: 35 epochs are 34.8 on the clock. The tolerance is for 0.29 * 100.
    const epochs = Math.ceil(clock.totalEpochs - 1e-9);
    const decayEpochs = Math.max(1, Math.floor(decayShare * epochs + 1e-9));
    return gammaSchedule({ shape, min, per, decayEpochs })(clock);
  }

  /** `loss` is the mini-batch InfoNCE that this batch has, log(1 + |B_i-| g_i): comparable with `clip`; the surrogate's value means nothing. */
  #metrics(logInner: PerAnchor, logU: PerAnchor, tau: Tensor, logCount: Tensor): Record<string, Tensor> {
    const average = (pair: PerAnchor) => pair.image.add(pair.text).mean().mul(0.5);
    const infoNce = (logG: Tensor) => ops.softplus(logG.add(logCount));
    return {
      loss: average({ image: infoNce(logInner.image), text: infoNce(logInner.text) }),
      log_u: average(logU),
      logit_scale: tau.pow(-1),
      temperature: tau,
    };
  }

  dispose(): void {
    this.#towers.dispose();
    this.#temperature.dispose();
    this.#u.dispose();
  }
}

export const fastclip = defineMethod({
  name: 'fastclip',
  options,
  needs: { views: 1, tokens: true },
  create: (context) => new FastClip(context),
});

import type { StepContext } from '../../time/clock.ts';
import { noGrad, type Tensor, tensor, zeros } from '../../torch/index.ts';
import * as ops from '../../torch/ops.ts';

export interface TemperatureOptions {
  lr: number;
  peakLr: number; // the model's
  beta1: number;
  beta2: number;
  eps: number;
  min: number;
  max: number;
  /** 'step-threshold': lr while tau > 0.03, then a third of it (FastCLIP 3). 'as-model': by the model's schedule. */
  schedule: 'step-threshold' | 'constant' | 'as-model';
}

const THRESHOLD = 0.03;

/**
 * A global temperature that Adam moves on theta = log(1 / tau), without weight decay.
 * The learning rate depends on tau, so it is computed on the device: reading tau would stall every step.
 * @equation FastCLIP 1.6: theta = log(1/tau), dL/dtheta = -tau dL/dtau, Adam without decay, tau within its bounds
 * @equation FastCLIP 3: `step-threshold`: the rate while tau > 0.03, a third of it below
 */
export class LearnedTemperature {
  readonly #theta: Tensor; // scalar, owned by the model
  readonly #options: TemperatureOptions;
  readonly #moments: Tensor; // [2]: of the gradient and of its square
  readonly #first: Tensor; // a view of it
  readonly #second: Tensor;
  readonly #steps: Tensor;
  readonly #shares: Tensor; // [2]: 1 - beta of each
  readonly #logBetas: Tensor; // [2]

  constructor(theta: Tensor, options: TemperatureOptions) {
    this.#theta = theta.requireGrad(false);
    this.#options = options;
    const { device, dtype } = theta;
    this.#moments = zeros([2], { device, dtype }).persist();
    this.#first = this.#moments.select(0, 0).persist();
    this.#second = this.#moments.select(0, 1).persist();
    this.#steps = zeros([], { device, dtype }).persist();
    const betas = [options.beta1, options.beta2];
    const pair = (f: (beta: number) => number) => tensor(betas.map(f), [2], { device, dtype }).persist();
    this.#shares = pair((beta) => 1 - beta);
    this.#logBetas = pair(Math.log);
  }

  /** tau, a scalar without gradient. */
  get tau(): Tensor {
    return noGrad(() => this.#theta.neg().exp());
  }

  get state(): [string, Tensor][] {
    return [
      ['temperature.exp_avg', this.#first],
      ['temperature.exp_avg_sq', this.#second],
      ['temperature.steps', this.#steps],
    ];
  }

  /** One Adam step from dL/dtau by dL/dtheta = -tau dL/dtau, within the bounds. */
  step(gradient: Tensor, clock: Pick<StepContext, 'lr'>): void {
    const { eps, min, max } = this.#options;
    noGrad(() => {
      const tau = this.tau;
      const slope = gradient.mul(tau).neg().to(this.#theta.dtype);
      this.#steps.add_(1);
      ops.lerp__Tensor(this.#moments, ops.stack([slope, slope.mul(slope)]), this.#shares);
      const corrections = ops.rsub_Scalar(this.#logBetas.mul(this.#steps).exp(), 1); // 1 - beta ^ steps
      const [mean, square] = this.#moments.div(corrections).unbind(0);
      const update = mean.div(square.sqrt().add(eps));
      this.#theta.add_(update.mul(this.#rate(tau, clock)), -1);
      this.#theta.clamp_(-Math.log(max), -Math.log(min));
    });
  }

  /** @equation FastCLIP 3: `step-threshold`: the rate while tau > 0.03, a third of it below */
  #rate(tau: Tensor, clock: Pick<StepContext, 'lr'>): Tensor | number {
    const { lr, peakLr, schedule } = this.#options;
    if (schedule === 'step-threshold')
      return tau
        .gt(THRESHOLD)
        .to(tau.dtype)
        .mul((2 / 3) * lr)
        .add(lr / 3);
    return schedule === 'constant' ? lr : (lr * clock.lr) / peakLr;
  }

  dispose(): void {
    for (const [, tensor] of this.state) tensor.dispose();
    for (const tensor of [this.#moments, this.#shares, this.#logBetas]) tensor.dispose();
  }
}

import type { StepContext } from '../../time/clock.ts';
import { noGrad, type Tensor, tensor, zeros } from '../../torch/index.ts';
import * as ops from '../../torch/ops.ts';

export interface TemperatureOptions {
  lr: number;
  /** The model's, which 'as-model' follows. */
  peakLr: number;
  beta1: number;
  beta2: number;
  eps: number;
  min: number;
  max: number;
  /** 'step-threshold': lr while tau > 0.03, a third of it below (section 3). 'constant': lr. 'as-model': with the model's schedule. */
  schedule: 'step-threshold' | 'constant' | 'as-model';
}

const THRESHOLD = 0.03;

/**
 * A global temperature moved by Adam on theta = log(1 / tau), without weight decay, from a gradient that the loss gives
 * in closed form. All on the device: the learning rate depends on tau, and asking for it would stall every step.
 */
export class LearnedTemperature {
  readonly #theta: Tensor; // scalar, owned by the model
  readonly #options: TemperatureOptions;
  readonly #moments: Tensor; // [2]: means of the gradient and of its square; one kernel moves both
  readonly #first: Tensor; // views of it
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
    const pair = (of: (beta: number) => number) => tensor(betas.map(of), [2], { device, dtype }).persist();
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

  /** One Adam step from dL/dtau, through dL/dtheta = -tau dL/dtau; then tau is kept within its bounds. */
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

import type { Clock } from '../schedules.ts';
import { noGrad, type Tensor, zeros } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

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
  readonly #first: Tensor;
  readonly #second: Tensor;
  readonly #steps: Tensor;

  constructor(theta: Tensor, options: TemperatureOptions) {
    this.#theta = theta.requireGrad(false);
    this.#options = options;
    const scalar = () => zeros([], { device: theta.device, dtype: theta.dtype }).persist();
    this.#first = scalar();
    this.#second = scalar();
    this.#steps = scalar();
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
  step(gradient: Tensor, clock: Pick<Clock, 'lr'>): void {
    const { beta1, beta2, eps, min, max } = this.#options;
    noGrad(() => {
      const tau = this.tau;
      const slope = gradient.mul(tau).neg().to(this.#theta.dtype);
      this.#steps.add_(1);
      ops.lerp__Scalar(this.#first, slope, 1 - beta1);
      ops.lerp__Scalar(this.#second, slope.mul(slope), 1 - beta2);
      const correct = (moment: Tensor, beta: number) => moment.div(power(beta, this.#steps).neg().add(1));
      const update = correct(this.#first, beta1).div(correct(this.#second, beta2).sqrt().add(eps));
      const rate = update.mul(this.#rate(tau, clock));
      this.#theta.add_(rate, -1);
      this.#theta.clamp_(-Math.log(max), -Math.log(min));
    });
  }

  #rate(tau: Tensor, clock: Pick<Clock, 'lr'>): Tensor | number {
    const { lr, peakLr, schedule } = this.#options;
    if (schedule === 'step-threshold')
      return tau
        .gt(THRESHOLD)
        .to(tau.dtype)
        .mul(2 / 3)
        .add(1 / 3)
        .mul(lr);
    return schedule === 'constant' ? lr : (lr * clock.lr) / peakLr;
  }

  dispose(): void {
    for (const [, tensor] of this.state) tensor.dispose();
  }
}

/** base ^ exponent for a scalar tensor exponent. */
function power(base: number, exponent: Tensor): Tensor {
  return exponent.mul(Math.log(base)).exp();
}

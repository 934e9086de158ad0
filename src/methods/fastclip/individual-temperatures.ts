import type { PerAnchor } from '../../losses/global-contrastive.ts';
import type { Tensor } from '../../torch/index.ts';
import * as ops from '../../torch/ops.ts';

/** One side's temperatures and their Adam moments, [b] each. */
export interface TemperatureState {
  tau: Tensor;
  first: Tensor;
  second: Tensor;
}

export interface MoveOptions {
  epoch: number;
  lr: number;
  beta1: number;
  beta2: number;
  eps: number;
  min: number;
  max: number;
}

/**
 * v2's rule (FastCLIP 3): Adam with betas of 0 in the first epoch and epochs as steps, because a sample is seen once an epoch.
 * Returns new tensors, because the step still uses the old tau.
 * @equation FastCLIP 3: v2's rule: Adam for each sample, betas 0 in the first epoch, epochs counted as steps
 */
export function movedTemperatures(
  state: TemperatureState,
  gradient: Tensor,
  options: MoveOptions,
): TemperatureState {
  const epoch = Math.floor(options.epoch);
  const beta1 = epoch === 0 ? 0 : options.beta1;
  const beta2 = epoch === 0 ? 0 : options.beta2;
  const first = state.first.mul(beta1).add(gradient, 1 - beta1);
  const second = state.second.mul(beta2).add(gradient.mul(gradient), 1 - beta2);
  const update = first.div(1 - beta1 ** (epoch + 1)).div(
    second
      .div(1 - beta2 ** (epoch + 1))
      .sqrt()
      .add(options.eps),
  );
  return { tau: state.tau.add(update, -options.lr).clamp(options.min, options.max), first, second };
}

/** Columns of a sample table after both u: `tau`, `first` and `second` of the image, then of the text. */
const FIRST_COLUMN = 2;
const COLUMNS = 6;

/** These columns of an unseen sample. */
export const temperatureColumns = (tau: number): number[] => [tau, 0, 0, tau, 0, 0];

/** @param columns [6, b] */
export function unpackTemperatures(columns: Tensor): Record<keyof PerAnchor, TemperatureState> {
  const stateAt = (start: number): TemperatureState => ({
    tau: columns.select(0, start),
    first: columns.select(0, start + 1),
    second: columns.select(0, start + 2),
  });
  return { image: stateAt(0), text: stateAt(3) };
}

/** A table's rows [8, b] -> temperatures [2, b]. */
export function temperaturesIn(rows: Tensor): Tensor {
  const { image, text } = unpackTemperatures(rows.narrow(0, FIRST_COLUMN, COLUMNS));
  return ops.stack([image.tau, text.tau]);
}

/** A table's rows [8, b] -> the temperatures' columns after the step [6, b]. */
export function movedColumns(rows: Tensor, gradient: PerAnchor, options: MoveOptions): Tensor {
  const before = unpackTemperatures(rows.narrow(0, FIRST_COLUMN, COLUMNS));
  const sides = ['image', 'text'] as const;
  return ops.stack(
    sides.flatMap((side) => {
      const { tau, first, second } = movedTemperatures(before[side], gradient[side], options);
      return [tau, first, second];
    }),
  );
}

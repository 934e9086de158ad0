import { z } from 'zod';
import type { Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import type { Live } from './slots.ts';

export const beta = z.number().min(0).lt(1);

export const adamSchema = z.strictObject({
  beta1: beta.default(0.9).describe('decay of the mean of gradients'),
  beta2: beta.default(0.98).describe('decay of the mean of squared gradients'),
  eps: z.number().positive().default(1e-6).describe('constant added to the root of the second moment'),
});
export type AdamOptions = z.output<typeof adamSchema>;

/** PyTorch's names. */
export const MOMENTS = ['exp_avg', 'exp_avg_sq'] as const;
export type Moment = (typeof MOMENTS)[number];

/**
 * Updates m = b1 m + (1 - b1) g and v = b2 v + (1 - b2) g^2 (Kingma & Ba 2015). Returns the direction
 * m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps) as mean, denominator and factor; t is `updates`.
 * @equation FastCLIP 5: AdamW (Loshchilov & Hutter 2019)
 */
export function adamDirection(
  { grads, slots: { exp_avg: mean, exp_avg_sq: square } }: Live<Moment>,
  { beta1, beta2, eps }: AdamOptions,
  updates: number,
): { mean: Tensor[]; denominator: Tensor[]; factor: number } {
  ops._foreach_mul__Scalar(mean, beta1);
  ops._foreach_add__List(mean, grads, 1 - beta1);
  ops._foreach_mul__Scalar(square, beta2);
  ops._foreach_addcmul__Scalar(square, grads, grads, 1 - beta2);
  const denominator = ops._foreach_sqrt(square);
  ops._foreach_div__Scalar(denominator, Math.sqrt(1 - beta2 ** updates));
  ops._foreach_add__Scalar(denominator, eps);
  return { mean, denominator, factor: 1 / (1 - beta1 ** updates) };
}

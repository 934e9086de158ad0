import { z } from 'zod';
import { optimizers } from '../optim/index.ts';

const positive = z.number().positive();

/** Options of every optimizer. */
const shared = z.strictObject({
  peakLr: positive.default(5e-4).describe('learning rate after the warm-up, as the optimizer sees it'),
  weightDecay: z.number().min(0).default(0.1).describe('weight decay; none for biases, gains and scales'),
  clipGradNorm: positive.optional().describe('greatest norm of all gradients together; default none'),
  clipEachGradNorm: positive
    .optional()
    .describe("greatest norm of each parameter's gradient by itself; default none"),
});

type Optimizers = typeof optimizers;
type Name = keyof Optimizers;
type Input = {
  [Key in Name]: (Key extends 'adamw' ? { name?: Key | undefined } : { name: Key }) &
    z.input<typeof shared> &
    z.input<Optimizers[Key]['options']>;
}[Name];
type Output = {
  [Key in Name]: { name: Key } & z.output<typeof shared> & z.output<Optimizers[Key]['options']>;
}[Name];

const alternatives = Object.values(optimizers).map(({ name, options }, i) => {
  const literal = z.literal(name);
  const choice = i === 0 ? literal.optional().default(name) : literal;
  return z.strictObject({
    name: choice.describe('update rule'),
    ...shared.shape,
    ...options.shape,
  });
});

/** Picks an optimizer's options by `name`, the first one's where there is none, and refuses all others. */
export const optimizerSchema = z.discriminatedUnion('name', alternatives as never) as unknown as z.ZodType<
  Output,
  Input
>;

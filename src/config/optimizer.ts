import { z } from 'zod';
import { optimizers } from '../optim/index.ts';

const positive = z.number().positive();

const shared = z.strictObject({
  peakLr: positive.default(5e-4).describe('learning rate after the warm-up'),
  weightDecay: z.number().min(0).default(0.1).describe('weight decay, not of biases, gains and scales'),
  decayPositions: z
    .boolean()
    .default(true)
    .describe(
      "weight decay of learned positions and class tokens too: true as in open_clip's former script, false as in its present one",
    ),
  layerDecay: positive
    .max(1)
    .optional()
    .describe('factor of the learning rate for each block further from the output; default 1'),
  loadedRate: positive
    .max(1)
    .optional()
    .describe('factor of the learning rate of weights that model.from loaded; default 1'),
  clipGradNorm: positive.optional().describe('greatest norm of all gradients together'),
  clipEachGradNorm: positive.optional().describe("greatest norm of each parameter's gradient"),
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

/** Picks the options by `name` and refuses all others; without a name, those of the first optimizer. */
export const optimizerSchema = z.discriminatedUnion('name', alternatives as never) as unknown as z.ZodType<
  Output,
  Input
>;

import { z } from 'zod';
import type { GradientForm } from '../../losses/global-contrastive.ts';

/** The named versions of section 1.3, each a choice of its parts. */
const VERSIONS = {
  sogclr: { rule: 'constant', timesTau: false, gamma: 'constant' },
  isogclr: { rule: 'individual', timesTau: false, gamma: 'constant' },
  v0: { rule: 'global', timesTau: false, gamma: 'cosine' },
  v1: { rule: 'constant', timesTau: false, gamma: 'cosine' },
  v2: { rule: 'individual', timesTau: false, gamma: 'cosine' },
  v3: { rule: 'global', timesTau: true, gamma: 'cosine' },
} as const;

type Rule = 'constant' | 'global' | 'individual';
export type FastClipVersion = keyof typeof VERSIONS;

const gamma = z.strictObject({
  shape: z
    .enum(['cosine', 'constant'])
    .optional()
    .describe('of the inner learning rate; by default the version says'),
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
  rule: z
    .enum(['constant', 'global', 'individual'])
    .optional()
    .describe('what learns; by default the version says'),
  init: z
    .number()
    .positive()
    .optional()
    .describe('where temperatures start; default 0.07, individual ones 0.03'),
  lrShare: z
    .number()
    .min(0)
    .optional()
    .describe("the global one's learning rate as a share of optimizer.peakLr; default 0.25, v0 1"),
  schedule: z
    .enum(['step-threshold', 'constant', 'as-model'])
    .optional()
    .describe(
      "a third of the rate below 0.03, the default but for v0; constant; or as the model's, v0's default",
    ),
  individualLr: z.number().min(0).default(0.0133).describe('the learning rate of individual temperatures'),
  gradient: z
    .enum(['exact', 'released'])
    .default('exact')
    .describe('of the global one: that of the loss, or as the released code has it'),
  min: z.number().positive().default(0.01).describe('no temperature goes below'),
  max: z.number().positive().default(1).describe('no temperature goes above'),
});

export const fastClipOptions = z.strictObject({
  name: z.literal('fastclip'),
  version: z
    .enum(Object.keys(VERSIONS) as [FastClipVersion, ...FastClipVersion[]])
    .default('v3')
    .describe('a preset of the parts below'),
  rho: z
    .number()
    .default(6.5)
    .describe('the radius of the KL ball that learned temperatures settle on (v3, and individual ones)'),
  eps: z
    .number()
    .positive()
    .default(1e-14)
    .describe('added to u; weighs down anchors that are well separated'),
  timesTau: z
    .boolean()
    .optional()
    .describe("multiply each anchor's loss by its temperature; by default the version says"),
  reduction: z
    .enum(['fastclip', 'openclip'])
    .default('fastclip')
    .describe('features of other ranks detached, or gathered with gradient'),
  gamma: gamma.prefault({}).describe('inner learning rate, by which u follows the batch'),
  temperature: temperature.prefault({}).describe('start and course of the temperature'),
});

/** All parts chosen. */
export interface FastClipParts {
  rho: number;
  eps: number;
  timesTau: boolean;
  gathersGradient: boolean;
  gamma: { shape: 'cosine' | 'constant'; min: number; decayShare: number; per: 'epoch' | 'step' };
  temperature: {
    rule: Rule;
    init: number;
    lrShare: number;
    schedule: 'step-threshold' | 'constant' | 'as-model';
    individualLr: number;
    gradient: GradientForm;
    min: number;
    max: number;
  };
}

/** Fills in what the version says. */
export function fastClipParts(options: z.output<typeof fastClipOptions>): FastClipParts {
  const preset = VERSIONS[options.version];
  const rule = options.temperature.rule ?? preset.rule;
  const plain = options.version === 'v0';
  return {
    rho: options.rho,
    eps: options.eps,
    timesTau: options.timesTau ?? preset.timesTau,
    gathersGradient: options.reduction === 'openclip',
    gamma: { ...options.gamma, shape: options.gamma.shape ?? preset.gamma },
    temperature: {
      ...options.temperature,
      rule,
      init: options.temperature.init ?? (rule === 'individual' ? 0.03 : 0.07),
      lrShare: options.temperature.lrShare ?? (plain ? 1 : 0.25),
      schedule: options.temperature.schedule ?? (plain ? 'as-model' : 'step-threshold'),
    },
  };
}

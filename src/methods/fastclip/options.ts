import { z } from 'zod';
import type { GradientForm } from '../../losses/global-contrastive.ts';

/**
 * FastCLIP 1.3.
 * @equation FastCLIP 1.3: the versions SogCLR, iSogCLR, v0 to v3
 */
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
  shape: z.enum(['cosine', 'constant']).optional().describe('course of the inner learning rate'),
  min: z
    .number()
    .gt(0)
    .max(1)
    .default(0.2)
    .describe('final (or constant) inner learning rate; the first epoch always has 1'),
  decayShare: z
    .number()
    .gt(0)
    .max(1)
    .default(0.5)
    .describe('share of the run after which a cosine is at min'),
  per: z
    .enum(['epoch', 'step'])
    .default('epoch')
    .describe('how often the inner learning rate changes; published: each epoch'),
});

const temperature = z.strictObject({
  rule: z
    .enum(['constant', 'global', 'individual'])
    .optional()
    .describe('kind of temperature: constant, one learned, or one learned for each anchor'),
  init: z.number().positive().optional().describe('initial temperature'),
  lrShare: z
    .number()
    .min(0)
    .optional()
    .describe('learning rate of a global temperature, as a share of optimizer.peakLr'),
  schedule: z
    .enum(['step-threshold', 'constant', 'as-model'])
    .optional()
    .describe(
      'course of that learning rate; step-threshold: a third while the temperature is below 0.03; as-model: as schedule',
    ),
  individualLr: z.number().min(0).default(0.0133).describe('learning rate of individual temperatures'),
  gradient: z
    .enum(['exact', 'released'])
    .default('exact')
    .describe('gradient of a global temperature: exact, or that of the released code'),
  min: z.number().positive().default(0.01).describe('lowest temperature'),
  max: z.number().positive().default(1).describe('highest temperature'),
});

export const fastClipOptions = z.strictObject({
  name: z.literal('fastclip'),
  version: z
    .enum(Object.keys(VERSIONS) as [FastClipVersion, ...FastClipVersion[]])
    .default('v3')
    .describe('published version, which sets the defaults of other keys'),
  rho: z
    .number()
    .default(6.5)
    .describe('rho of the papers, for v3 and individual temperatures; a larger one makes them smaller'),
  eps: z
    .number()
    .positive()
    .default(1e-14)
    .describe('constant added to u; larger ones lower the weight of anchors that are already well separated'),
  timesTau: z.boolean().optional().describe("whether an anchor's loss is multiplied by its temperature"),
  reduction: z
    .enum(['fastclip', 'openclip'])
    .default('fastclip')
    .describe('features of other ranks: without gradient (fastclip) or with it (openclip)'),
  gamma: gamma
    .prefault({})
    .describe("inner learning rate: how fast u, the mean of a sample's denominators, follows the batch"),
  temperature: temperature.prefault({}).describe('temperature of the loss'),
});

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

/**
 * Completes the options from their version.
 * @equation FastCLIP 1.3: the versions SogCLR, iSogCLR, v0 to v3
 */
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

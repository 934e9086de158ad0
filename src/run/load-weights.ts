import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CoupletError } from '../errors.ts';
import { loadTensorsInto } from '../io/checkpoint.ts';
import { type CheckpointPlace, EMA_FILE, MODEL_FILE } from '../io/checkpoint-files.ts';
import type { Method } from '../methods/index.ts';
import { frozenNames } from '../models/freeze.ts';
import type { AnyModelSpec } from '../models/registry.ts';
import type { NamedParams } from '../nn/module.ts';
import { noGrad } from '../torch/index.ts';
import { blendWeights } from './blend.ts';
import type { ResolvedConfig } from './resolve.ts';

/** 'ema': the averages of `emaWeights`; 'last': the weights of the step. */
export type Weights = 'ema' | 'last';

export interface WeightOptions {
  /** Default 'ema', where the checkpoint has it: the run's own evaluations measured that. */
  weights?: Weights;
  /** Share of the trained weights, in [0, 1], between those that the run began with and them (`blendWeights`). Default 1. */
  blend?: number;
}

/**
 * Overwrites the weights that a run began with by those of a checkpoint. Returns which these are.
 * @throws CoupletError for a damaged checkpoint, for one without averages, and for weights that cannot be blended
 */
export async function loadWeights(
  method: Method,
  place: CheckpointPlace,
  { weights, blend, ...resolved }: WeightOptions & { model: AnyModelSpec } & Pick<ResolvedConfig, 'freeze'>,
): Promise<Weights> {
  if (blend !== undefined && !(blend >= 0 && blend <= 1))
    throw new CoupletError(
      `blend is ${blend}: expected a share of the trained weights from 0 to 1, such as 0.5.`,
    );
  const averages = join(place.path, EMA_FILE);
  const chosen = weights ?? (existsSync(averages) ? 'ema' : 'last');
  if (chosen === 'ema' && !existsSync(averages))
    throw new CoupletError(
      `${place.path} has no averaged weights: train with emaWeights, or take those of the last step (weights 'last').`,
    );
  const start = blend === undefined ? undefined : copyOf(method.model);
  try {
    await loadTensorsInto(join(place.path, MODEL_FILE), method.model);
    if (chosen === 'ema') await loadTensorsInto(averages, averagedBy(method, resolved));
    if (start) blendWeights(start, method.model, { alpha: blend!, model: resolved.model });
  } finally {
    for (const tensor of start?.values() ?? []) tensor.dispose();
  }
  return chosen;
}

const copyOf = (tensors: NamedParams): NamedParams =>
  noGrad(() => new Map([...tensors].map(([name, tensor]) => [name, tensor.clone().persist()])));

/** Parameters that the run trained. */
function averagedBy(
  { params }: Method,
  { model, freeze }: { model: AnyModelSpec } & Pick<ResolvedConfig, 'freeze'>,
): NamedParams {
  const frozen = freeze ? frozenNames(params.keys(), { freeze, model }) : new Set();
  return new Map([...params].filter(([name]) => !frozen.has(name)));
}

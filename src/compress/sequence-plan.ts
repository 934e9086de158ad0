import { stepInput } from '../torch/index.ts';
import {
  type Compression,
  checkCompression,
  keptTokens,
  patchCount,
  type SequencePlan,
} from './compression.ts';
import { type DropPath, dropPathScales } from './drop-path.ts';
import type { StepRows } from './step-random.ts';
import { keepTokens } from './token-dropout.ts';

export interface SequencePlanOptions extends StepRows {
  /** What the clock says; absent: whole sequences. */
  compression?: Compression | undefined;
  /** Side of this view's images in pixels. */
  imageSize: number;
  /** The model's own patch. */
  patchSize: number;
  /** false: all tokens stay, as MoCo v3's keys do. */
  dropTokens?: boolean;
  /** false: patches stay the model's own, as in DINO's local crops. */
  scalePatches?: boolean;
  /** The student's stochastic depth in DINO; does not shorten anything. */
  dropPath?: DropPath;
}

/**
 * What one forward pass does to the sequences of one view in one step (table 1.2 says which views a method compresses).
 * Random parts are inputs of the step, so that a recorded one gets them anew. Throws a CoupletError when the compression does not fit.
 */
export function sequencePlan(options: SequencePlanOptions): SequencePlan {
  const { compression, patchSize: own, imageSize, dropPath } = options;
  const { dropTokens = true, scalePatches = true } = options;
  const patchSize = scalePatches ? (compression?.patchSize ?? own) : own;
  const tokenDropout = dropTokens ? (compression?.tokenDropout ?? 0) : 0;
  if (compression) checkCompression({ tokenDropout, patchSize }, { imageSize, own });
  const patches = patchCount(imageSize, patchSize);
  const plan: SequencePlan = patchSize === own ? {} : { patchSize };
  if (keptTokens(patches, tokenDropout) < patches)
    plan.keep = stepInput(options, (at) => keepTokens({ ...options, ...at }, { patches, tokenDropout }));
  if (dropPath && dropPath.rate > 0)
    plan.pathScales = stepInput(options, (at) => dropPathScales({ ...options, ...at }, dropPath));
  return plan;
}

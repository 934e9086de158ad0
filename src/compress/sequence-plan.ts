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
  /** Default: whole sequences. */
  compression?: Compression | undefined;
  /** Of this view, in pixels. */
  imageSize: number;
  /** The model's own patch. */
  patchSize: number;
  /** false for MoCo v3's keys. */
  dropTokens?: boolean;
  /** false for DINO's local crops. */
  scalePatches?: boolean;
  /** Stochastic depth of DINO's student. */
  dropPath?: DropPath;
}

/**
 * Compression of one view in one step; FastCL 1.2 says which views. Random parts are step inputs, so that a CUDA graph gets new
 * ones. Throws a CoupletError when the compression does not fit.
 */
export function sequencePlan(options: SequencePlanOptions): SequencePlan {
  const { compression, patchSize: ownPatchSize, imageSize, dropPath } = options;
  const { dropTokens = true, scalePatches = true } = options;
  const patchSize = scalePatches ? (compression?.patchSize ?? ownPatchSize) : ownPatchSize;
  const tokenDropout = dropTokens ? (compression?.tokenDropout ?? 0) : 0;
  if (compression) checkCompression({ tokenDropout, patchSize }, { imageSize, ownPatchSize });
  const patches = patchCount(imageSize, patchSize);
  const sequence: SequencePlan = patchSize === ownPatchSize ? {} : { patchSize };
  if (keptTokens(patches, tokenDropout) < patches)
    sequence.keep = stepInput(options, (at) => keepTokens({ ...options, ...at }, { patches, tokenDropout }));
  if (dropPath && dropPath.rate > 0)
    sequence.pathScales = stepInput(options, (at) => dropPathScales({ ...options, ...at }, dropPath));
  return sequence;
}

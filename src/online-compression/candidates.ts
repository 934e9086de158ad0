import {
  type Candidate,
  type Compression,
  gridOf,
  type OnlineConfig,
  refuseResNet,
} from '../compress/index.ts';
import type { RunConfig } from '../config/index.ts';
import { CoupletError } from '../errors.ts';
import { findMethod } from '../methods/index.ts';
import type { AnyModelSpec } from '../models/registry.ts';
import { keepsMoments, type OptimizerConfig } from '../optim/index.ts';

/** Fewer than an analysis has: each is paid for while training. */
const DEFAULTS = { tokenDropout: [0, 0.25, 0.5, 0.75], patchScale: 2 };

/**
 * What an online run may choose from: all pairs that fit, the whole sequence first and dearest. Throws a CoupletError for a method
 * that does not say what a sample costs, for patches smaller than the model's own, and for what does not fit the image.
 */
export function candidatesOf(
  { tokenDropout, patchSize }: Pick<OnlineConfig, 'tokenDropout' | 'patchSize'>,
  { method, model }: { method: RunConfig['method']; model: AnyModelSpec },
): Candidate[] {
  const { image } = model;
  refuseResNet(image);
  const { cost } = findMethod(method.name);
  if (!cost)
    throw new CoupletError(
      `method ${method.name} does not say what a step costs, so compression.online cannot weigh its candidates: give compression.stages, or leave compression out.`,
    );
  const smaller = patchSize?.find((side) => side < image.patchSize);
  if (smaller !== undefined)
    throw new CoupletError(
      `compression.online.patchSize has ${smaller}, smaller than the model's own ${image.patchSize}, which makes sequences longer: give sides from ${image.patchSize} on.`,
    );
  return gridOf(
    { tokenDropout, patchSize },
    {
      imageSize: image.imageSize,
      patchSize: image.patchSize,
      defaults: DEFAULTS,
      cost: (compression: Compression) => cost({ options: method, model, compression }),
      name: 'compression.online',
      mustFit: 'values', // so that the lists of a saved config, defaults filled in, mean the same again
    },
  );
}

/**
 * Whether gradients are weighed as Adam's steps weigh them: where the optimizer keeps second moments, unless the config says otherwise. Throws a
 * CoupletError where it asks for moments that there are not.
 */
export function scaleOf({ scale }: OnlineConfig, optimizer: OptimizerConfig): 'gradient' | 'adam' {
  if (scale === 'adam' && !keepsMoments(optimizer))
    throw new CoupletError(
      `compression.online.scale 'adam' needs the second moments that adamw and lamb keep, and optimizer.name is ${optimizer.name}: take one of those, or leave scale out.`,
    );
  return scale ?? (keepsMoments(optimizer) ? 'adam' : 'gradient');
}

/** The config with its defaults: sorted lists of what the grid has. */
export function onlineInFull(
  given: OnlineConfig,
  { grid, optimizer }: { grid: readonly Candidate[]; optimizer: OptimizerConfig },
): Required<OnlineConfig> {
  const values = (of: (candidate: Candidate) => number) => [...new Set(grid.map(of))].sort((a, b) => a - b);
  return {
    ...given,
    tokenDropout: given.tokenDropout ?? values((candidate) => candidate.tokenDropout),
    patchSize: given.patchSize ?? values((candidate) => candidate.patchSize),
    scale: scaleOf(given, optimizer),
  };
}

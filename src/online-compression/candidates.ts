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

/** Fewer than in an analysis: the run pays for each. */
const DEFAULTS = { tokenDropout: [0, 0.25, 0.5, 0.75], patchScale: 2 };

/**
 * All pairs that fit, the whole sequence first. Throws a CoupletError for a ResNet, for patches smaller than the model's, and for
 * values that do not fit the image.
 */
export function candidatesOf(
  { tokenDropout, patchSize }: Pick<OnlineConfig, 'tokenDropout' | 'patchSize'>,
  { method, model }: { method: RunConfig['method']; model: AnyModelSpec },
): Candidate[] {
  const { image } = model;
  refuseResNet(image);
  const { cost } = findMethod(method.name);
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
      mustFit: 'values', // a saved config has all lists, and must give the same candidates
    },
  );
}

/** Default `adam` with adamw and lamb. Throws a CoupletError for `adam` with others. */
export function scaleOf({ scale }: OnlineConfig, optimizer: OptimizerConfig): 'gradient' | 'adam' {
  if (scale === 'adam' && !keepsMoments(optimizer))
    throw new CoupletError(
      `compression.online.scale 'adam' needs the second moments that adamw and lamb keep, and optimizer.name is ${optimizer.name}: use one of those, or leave scale out.`,
    );
  return scale ?? (keepsMoments(optimizer) ? 'adam' : 'gradient');
}

/** Lists the grid's values, sorted. */
export function withOnlineDefaults(
  config: OnlineConfig,
  { grid, optimizer }: { grid: readonly Candidate[]; optimizer: OptimizerConfig },
): Required<OnlineConfig> {
  const values = (key: keyof Compression) =>
    [...new Set(grid.map((candidate) => candidate[key]))].sort((a, b) => a - b);
  return {
    ...config,
    tokenDropout: config.tokenDropout ?? values('tokenDropout'),
    patchSize: config.patchSize ?? values('patchSize'),
    scale: scaleOf(config, optimizer),
  };
}

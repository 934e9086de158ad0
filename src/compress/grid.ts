import {
  type CheckContext,
  type Compression,
  checkCompression,
  keyOf,
  noCompression,
  patchSizesThatFit,
  sequenceLength,
} from './compression.ts';

export interface Candidate extends Compression {
  /** Of one sample, in forwards (cost.ts). */
  cost: number;
  /** Tokens of the trained net's sequence. */
  sequenceLength: number;
}

export interface GridAxes {
  tokenDropout?: readonly number[] | undefined;
  patchSize?: readonly number[] | undefined;
}

export interface GridContext {
  imageSize: number;
  /** The model's own. */
  patchSize: number;
  /** For an axis without a list; patches up to `patchScale` times the model's. */
  defaults: { tokenDropout: readonly number[]; patchScale: number };
  cost: (compression: Compression) => number;
  name: NonNullable<CheckContext['name']>;
  /** Whether all listed pairs, or all listed values, must fit. */
  mustFit: 'pairs' | 'values';
}

/** All pairs that leave a token, the whole sequence first. Throws a CoupletError for listed values that do not fit the image. */
export function gridOf(axes: GridAxes, context: GridContext): Candidate[] {
  const { imageSize, patchSize: ownPatchSize, defaults, cost, name, mustFit } = context;
  const {
    tokenDropout = defaults.tokenDropout,
    patchSize = patchSizesThatFit(imageSize).filter(
      (q) => q >= ownPatchSize && q <= defaults.patchScale * ownPatchSize,
    ),
  } = axes;
  const check = { imageSize, ownPatchSize, name };
  if (mustFit === 'values') checkValues(axes, check);
  const pairs = tokenDropout.flatMap((d) => patchSize.map((q) => ({ tokenDropout: d, patchSize: q })));
  const areBothListed = axes.tokenDropout !== undefined && axes.patchSize !== undefined;
  const fitting = pairs.filter((pair) => {
    const isListed = areBothListed || isListedValue(pair, { axes, ownPatchSize });
    return fits(pair, { ...check, mustFit: mustFit === 'pairs' && isListed });
  });
  const unique = new Map([noCompression(ownPatchSize), ...fitting].map((pair) => [keyOf(pair), pair]));
  return [...unique.values()].map((compression) => ({
    ...compression,
    cost: cost(compression),
    sequenceLength: sequenceLength(imageSize, compression),
  }));
}

function checkValues(
  { tokenDropout = [], patchSize = [] }: GridAxes,
  check: CheckContext & { ownPatchSize: number },
): void {
  for (const d of tokenDropout) checkCompression({ tokenDropout: d, patchSize: check.ownPatchSize }, check);
  for (const q of patchSize) checkCompression({ tokenDropout: 0, patchSize: q }, check);
}

function isListedValue(
  { tokenDropout, patchSize }: Compression,
  { axes, ownPatchSize }: { axes: GridAxes; ownPatchSize: number },
): boolean {
  return (
    (axes.tokenDropout !== undefined && patchSize === ownPatchSize) ||
    (axes.patchSize !== undefined && tokenDropout === 0)
  );
}

function fits(compression: Compression, { mustFit, ...check }: CheckContext & { mustFit: boolean }): boolean {
  try {
    checkCompression(compression, check);
    return true;
  } catch (error) {
    if (mustFit) throw error;
    return false;
  }
}

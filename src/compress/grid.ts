import {
  type CheckContext,
  type Compression,
  checkCompression,
  keyOf,
  noCompression,
  patchSizesThatFit,
  sequenceLength,
} from './compression.ts';

/** One way to shorten sequences, and what it costs. */
export interface Strategy extends Compression {
  /** Of one sample, in forwards of a whole sequence. */
  cost: number;
  /** Tokens of the trained net's sequence. */
  sequenceLength: number;
}

/** What a person gave of a grid. */
export interface GridAxes {
  tokenDropout?: readonly number[] | undefined;
  patchSize?: readonly number[] | undefined;
}

export interface GridContext {
  imageSize: number;
  /** The model's own. */
  patchSize: number;
  /** What stands for an axis that was left out: these dropouts, and the patches that divide the image up to so many times the own side. */
  defaults: { tokenDropout: readonly number[]; patchScale: number };
  /** Of a sample, in forwards (methods/method.ts). */
  cost: (compression: Compression) => number;
  /** What errors call the grid's lists: `compression.online`, or a name for each. */
  name: NonNullable<CheckContext['name']>;
  /** Of lists that were given, what must be possible: all `pairs` of them, or each value by itself. */
  mustFit: 'pairs' | 'values';
}

/**
 * All pairs of dropout and patch, the whole sequence first. Throws a CoupletError for a given value that does not fit the image; pairs
 * that leave no token are left out, unless all pairs of given lists must fit.
 */
export function gridOf(axes: GridAxes, context: GridContext): Strategy[] {
  const { imageSize, patchSize: own, defaults, cost, name, mustFit } = context;
  const {
    tokenDropout = defaults.tokenDropout,
    patchSize = patchSizesThatFit(imageSize).filter((q) => q >= own && q <= defaults.patchScale * own),
  } = axes;
  const none = noCompression(own);
  const within = { imageSize, own, name };
  if (mustFit === 'values') checkValues(axes, within);
  const pairs = tokenDropout.flatMap((d) => patchSize.map((q) => ({ tokenDropout: d, patchSize: q })));
  const asked = axes.tokenDropout !== undefined && axes.patchSize !== undefined;
  const fitting = pairs.filter((pair) =>
    fits(pair, { ...within, mustFit: mustFit === 'pairs' && (asked || isOnAxis(pair, { axes, own })) }),
  );
  const unique = new Map([none, ...fitting].map((pair) => [keyOf(pair), pair]));
  return [...unique.values()].map((compression) => ({
    ...compression,
    cost: cost(compression),
    sequenceLength: sequenceLength(imageSize, compression),
  }));
}

/** Throws a CoupletError for a given dropout that does not fit the own patch, and for a given patch that does not fit the image. */
function checkValues(
  { tokenDropout = [], patchSize = [] }: GridAxes,
  within: CheckContext & { own: number },
): void {
  for (const d of tokenDropout) checkCompression({ tokenDropout: d, patchSize: within.own }, within);
  for (const q of patchSize) checkCompression({ tokenDropout: 0, patchSize: q }, within);
}

/** Of lists that a person gave, each value must be possible by itself. */
function isOnAxis(
  { tokenDropout, patchSize }: Compression,
  { axes, own }: { axes: GridAxes; own: number },
): boolean {
  return (
    (axes.tokenDropout !== undefined && patchSize === own) ||
    (axes.patchSize !== undefined && tokenDropout === 0)
  );
}

function fits(
  compression: Compression,
  { mustFit, ...within }: CheckContext & { mustFit: boolean },
): boolean {
  try {
    checkCompression(compression, within);
    return true;
  } catch (error) {
    if (mustFit) throw error;
    return false;
  }
}

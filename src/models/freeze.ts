import { CoupletError } from '../errors.ts';
import { depthOf, hasHead, placeOf, type Tower } from './depth.ts';
import type { AnyModelSpec } from './registry.ts';

/** Of each tower 'all', or its embeddings and the first blocks (the first stages of a ResNet). */
export type Freeze = { readonly [Key in Tower]?: 'all' | number | undefined };

const TOWERS: readonly Tower[] = ['image', 'text'];

/**
 * Throws a CoupletError for a tower that the method does not train, for more blocks than there are, and when nothing would learn.
 * @param training.model towers that the method trains
 */
export function checkFreeze(
  freeze: Freeze,
  { model, method }: { model: AnyModelSpec; method: string },
): void {
  for (const tower of TOWERS) {
    const amount = freeze[tower];
    if (amount === undefined) continue;
    const blocks = depthOf(model, tower);
    if (blocks === 0)
      throw new CoupletError(
        `model.freeze.${tower}: method ${method} trains no ${tower} tower. Leave it out.`,
      );
    if (amount === 'all' || amount <= blocks) continue;
    const unit = Array.isArray(model.image.layers) && tower === 'image' ? 'stages' : 'blocks';
    throw new CoupletError(
      `model.freeze.${tower} is ${amount}, but the tower has ${blocks} ${unit}: give at most ${blocks}, or 'all'.`,
    );
  }
  const learns = (tower: Tower) =>
    depthOf(model, tower) > 0 && (freeze[tower] !== 'all' || hasHead(model, tower));
  if (TOWERS.some(learns)) return;
  throw new CoupletError(
    `model.freeze leaves nothing of the model to train by method ${method}: freeze fewer towers, or a number of blocks, or put a head behind a tower (model.image.head).`,
  );
}

/** Those of `names` that do not learn. */
export function frozenNames(
  names: Iterable<string>,
  { freeze, model }: { freeze: Freeze; model: AnyModelSpec },
): Set<string> {
  const isFrozen = (name: string) => {
    const place = placeOf(name, model);
    const amount = place && freeze[place.tower];
    return amount === 'all' || (amount !== undefined && place!.depth <= amount);
  };
  return new Set([...names].filter(isFrozen));
}

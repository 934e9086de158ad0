// `data.hold` 'features': what it needs, and what it leaves aside.
import { isDeepStrictEqual } from 'node:util';
import type { RunConfig } from '../config/index.ts';
import { CoupletError } from '../errors.ts';
import { findMethod } from '../methods/index.ts';
import type { Freeze } from '../models/freeze.ts';

/** Throws a CoupletError where a table of features cannot stand for the image tower. */
export function checkHeldTowers(
  { data, method, compression, duration }: RunConfig,
  freeze: Freeze | undefined,
): void {
  if (data.hold !== 'features') return;
  const refuse = (why: string) => {
    throw new CoupletError(`data.hold is 'features', ${why}`);
  };
  if (!findMethod(method.name).needs.tokens)
    refuse(`but method ${method.name} has no text tower to train. Use clip, siglip or fastclip.`);
  if (freeze?.image !== 'all')
    refuse(
      "but the image tower learns: freeze it whole (model.freeze: 'image'), or set data.hold to 'none'.",
    );
  if (compression)
    refuse('so a step has no image sequences that compression could make shorter. Leave compression out.');
  if ('forwards' in duration)
    refuse(
      'so a step has no forward passes of the image tower, which duration counts. Give steps, samples, epochs or seconds.',
    );
}

const WITHOUT_DRAWS = { scale: [0.9, 1], ratio: [3 / 4, 4 / 3], interpolation: 'bicubic' };

/** A warning about options of random crops that a table of features ignores. */
export function fixedCrops({ data: { hold, crop, flip } }: RunConfig): string | undefined {
  if (hold !== 'features' || (!flip && isDeepStrictEqual(crop, WITHOUT_DRAWS))) return undefined;
  return "data.crop and data.flip do nothing, since data.hold is 'features': each picture has one centre crop, as in evaluations";
}

import { depthOf, placeOf } from '../models/depth.ts';
import type { AnyModelSpec } from '../models/registry.ts';

export interface ScaleOptions {
  model: AnyModelSpec;
  /** Default 1. */
  layerDecay?: number | undefined;
  /** Default 1. */
  loadedRate?: number | undefined;
  /** Names of parameters that came from a file. */
  loaded: ReadonlySet<string>;
}

/**
 * Factor of a parameter's learning rate: layerDecay^(L + 1 - d) at depth d of a tower with L blocks (BEiT, Bao et al. 2022, appendix;
 * DINOv2), 1 in no tower; times `loadedRate` for what was loaded.
 */
export function lrScaleOf(
  name: string,
  { model, layerDecay = 1, loadedRate = 1, loaded }: ScaleOptions,
): number {
  const place = placeOf(name, model);
  const byDepth = place ? layerDecay ** (depthOf(model, place.tower) + 1 - place.depth) : 1;
  return loaded.has(name) ? byDepth * loadedRate : byDepth;
}

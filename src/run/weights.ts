// What a run starts from: `model.from`, or the weights of single towers.
import { existsSync } from 'node:fs';
import type { RunConfig } from '../config/index.ts';
import { CoupletError } from '../errors.ts';
import type { Method } from '../methods/index.ts';
import type { AnyModelSpec } from '../models/registry.ts';
import { OPEN_CLIP_VIT, TIMM_VIT } from '../models/vit.ts';
import { findWeights } from '../weights/find.ts';
import { type LoadTarget, loadWeights } from '../weights/load.ts';

interface Origin {
  path: string;
  part: LoadTarget['part'];
}

/** In order: a tower's own file comes after that of the whole model. */
function originsOf({ model }: Pick<RunConfig, 'model'>): Origin[] {
  if (typeof model === 'string') return [];
  const { image, text } = model as { image?: { from?: string }; text?: { from?: string } };
  const places: [string | undefined, LoadTarget['part']][] = [
    [model.from, 'all'],
    [image?.from, 'image'],
    [text?.from, 'text'],
  ];
  return places.flatMap(([path, part]) => (path === undefined ? [] : [{ path, part }]));
}

export interface StartWeights {
  /** Names of the tensors that came from a file. */
  loaded: ReadonlySet<string>;
  /** One sentence for each file. */
  told: string[];
}

const headsOf = ({ image }: AnyModelSpec) => (image.type === 'resnet' ? {} : { heads: image.heads });
export const NO_WEIGHTS: StartWeights = { loaded: new Set(), told: [] };

/**
 * Overwrites a method's initial weights by those that its config names.
 * Throws a CoupletError when a file is gone or does not fit; the method is then of no use.
 */
export async function startFromWeights(
  config: Pick<RunConfig, 'model'>,
  { method, model }: { method: Method; model: AnyModelSpec },
): Promise<StartWeights> {
  const loaded = new Set<string>();
  const told: string[] = [];
  const hasNets = [...method.model.keys()].some((name) => name.startsWith('backbone.'));
  const ours = hasNets
    ? { prefix: 'backbone.', style: TIMM_VIT }
    : { prefix: 'visual.', style: OPEN_CLIP_VIT };
  for (const { path, part } of originsOf(config)) {
    if (!existsSync(path))
      throw new CoupletError(
        `The weights ${path} that this run started from are gone. Put them back; a checkpoint of the run does not need them.`,
      );
    const found = findWeights(path, headsOf(model));
    const report = await loadWeights(found, { tensors: method.model, model, ours, part });
    for (const name of report.loaded) loaded.add(name);
    const details = report.remarks.length > 0 ? `; ${report.remarks.join('; ')}` : '';
    told.push(`starts from ${path} (${found.title}): ${report.loaded.size} tensors${details}`);
  }
  return { loaded, told };
}

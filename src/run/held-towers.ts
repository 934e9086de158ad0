// `data.hold` 'features': what it needs, and what it leaves aside.
import { isDeepStrictEqual } from 'node:util';
import type { RunConfig } from '../config/index.ts';
import { fingerprintOf } from '../data/index.ts';
import { CoupletError } from '../errors.ts';
import type { FeedContext } from '../feed/index.ts';
import { featureFilePath, weightsDigest } from '../locked/feature-file.ts';
import { holdFeatures } from '../locked/hold-features.ts';
import { findMethod } from '../methods/index.ts';
import { placeOf } from '../models/depth.ts';
import type { Freeze } from '../models/freeze.ts';
import { hasTexts } from '../models/registry.ts';
import type { RunParts } from './build.ts';
import type { OnEvent } from './events.ts';

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

/** Only with `data.hold` 'features'. */
export function holderOf(run: RunParts, onEvent: OnEvent): Pick<FeedContext, 'holdFeatures'> {
  const { config, dataset, encoder, model, plan, ranks } = run;
  if (config.data.hold !== 'features' || !hasTexts(model)) return {};
  const { embedDim } = model;
  const onProgress = (encodes: 'pictures' | 'captions', done: number, total: number) =>
    onEvent({ type: 'holding', done, total, encodes });
  const onWarning = (message: string) => onEvent({ type: 'warning', message });
  const texts = plan.freeze?.text === 'all';
  return {
    holdFeatures: () => {
      const path = cachePath(run, texts);
      const cache = path === undefined ? {} : { cache: { path, writes: ranks.rank === 0, onWarning } };
      return holdFeatures(dataset, encoder, { embedDim, texts, onProgress, ...cache });
    },
  };
}

/** Undefined without a cache, or when the data has no fingerprint. */
function cachePath({ config, dataset, device, method, model, tokenizer }: RunParts, texts: boolean) {
  const { cache, mean, std } = config.data;
  const fingerprint = cache === undefined ? undefined : fingerprintOf(dataset);
  if (fingerprint === undefined) return undefined;
  const towers = texts ? ['image', 'text'] : ['image'];
  const isHeld = (name: string) => towers.includes(placeOf(name, model)?.tower ?? '');
  return featureFilePath(cache!, {
    fingerprint,
    captions: dataset.index.rules,
    model: {
      ...model,
      image: { ...model.image, head: undefined },
      text: hasTexts(model) && { ...model.text, head: undefined },
    },
    weights: weightsDigest(new Map([...method.model].filter(([name]) => isHeld(name)))),
    texts,
    pixels: { mean, std },
    tokenizer: tokenizer!.spec,
    precision: config.precision,
    device: device.split(':')[0],
  });
}

// Held-out pictures and texts, on which a quantised file is compared with the run.
import { openDataset, type SourceInput } from '../data/index.ts';
import { CoupletError } from '../errors.ts';
import { batchesOf } from '../evaluate/features.ts';
import { hasTexts } from '../models/registry.ts';
import type { LoadedRun } from '../run/load-run.ts';
import { imageRows, joined, type Rows, textRows } from './features.ts';
import { TEXTS, testPictures } from './test-pictures.ts';

const MOST = 16;

export interface HeldOut {
  /** RGB bytes [N, S, S, 3]. */
  images: Uint8Array;
  imageFeatures: Rows;
  /** [M, L] */
  ids?: Int32Array;
  textFeatures?: Rows;
  /** In messages. */
  source: string;
}

/** Some samples of the run's evaluations; without any that can be read, test pictures and texts. */
export async function heldOutOf(run: LoadedRun): Promise<HeldOut> {
  const { images, ids, source } = (await evaluated(run)) ?? (await made(run));
  const length = run.tokenizer?.contextLength;
  return {
    images,
    source,
    imageFeatures: imageRows(run, { images, side: run.imageSize }),
    ...(ids && length && { ids, textFeatures: textRows(run, ids, length) }),
  };
}

type Samples = Pick<HeldOut, 'images' | 'ids' | 'source'>;

async function made(run: LoadedRun): Promise<Samples> {
  const pictures = await testPictures(run.imageSize);
  return {
    images: joined(pictures.map(({ cut }) => cut)),
    ...(textsOf(run) && { ids: run.tokenizer!.encodeBatch(TEXTS) }),
    source: 'test pictures, since the run has no evaluation whose pictures can be read',
  };
}

const textsOf = ({ model, tokenizer }: LoadedRun) => hasTexts(model) && tokenizer !== undefined;

/** Throws nothing for data that is gone. */
async function evaluated(run: LoadedRun): Promise<Samples | undefined> {
  for (const [name, options] of Object.entries(run.config.evaluate)) {
    const source = (options as { data?: SourceInput | SourceInput[] } | undefined)?.data;
    if (!source) continue;
    try {
      return await firstOf(run, [source].flat() as SourceInput[], `evaluate.${name}`);
    } catch (error) {
      if (!(error instanceof CoupletError)) throw error;
    }
  }
  return undefined;
}

async function firstOf(run: LoadedRun, sources: SourceInput[], name: string): Promise<Samples | undefined> {
  const dataset = await openDataset(sources, { key: name });
  try {
    const texts = textsOf(run) && dataset.hasCaptions;
    for await (const batch of batchesOf(dataset, run, { texts })) {
      const count = Math.min(MOST, batch.size);
      const { images, side } = batch.views[0]!;
      const length = run.tokenizer?.contextLength ?? 0;
      const samples = {
        images: images.slice(0, count * side * side * 3),
        ...(batch.tokens && { ids: batch.tokens.slice(0, count * length) }),
        ...(!texts && textsOf(run) && { ids: run.tokenizer!.encodeBatch(TEXTS) }),
        source: `${count} pictures of ${name}`,
      };
      batch.release();
      return samples;
    }
    return undefined;
  } finally {
    dataset.close();
  }
}

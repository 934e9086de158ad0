// By path: this folder is a package of its own, so the name 'couplet' would be looked up among its dependencies.
import { encodeDataset, type LoadedRun, loadRun, openDataset, torch } from '../../src/index.ts';
import type { Embeddings } from '../search.ts';

/** A trained model, for one shard and for any words. */
export interface Encoder {
  /** Pictures and captions of a shard, in its order. */
  shard(path: string): Promise<{ pictures: Embeddings; captions: Embeddings }>;
  texts(texts: string[]): Embeddings;
  /** Optimizer steps that the checkpoint had. */
  step: number;
  close(): void;
}

/** Opens a run's newest checkpoint. Throws a CoupletError when there is none. */
export async function openEncoder(runDir: string, checkpoint = 'latest'): Promise<Encoder> {
  const run = await loadRun(runDir, { checkpoint });
  return {
    shard: (path) => encodeShard(run, path),
    texts: (texts) => encodeTexts(run, texts),
    step: run.step,
    close: () => run.close(),
  };
}

async function encodeShard(run: LoadedRun, path: string): ReturnType<Encoder['shard']> {
  const dataset = await openDataset([{ type: 'webdataset', path, captionKey: 'caption', labelKey: 'label' }]);
  try {
    const { images, texts, skipped } = await encodeDataset(dataset, run, { texts: true });
    // Row i must be sample i: a picture that is left out would give every later one its neighbour's name.
    if (skipped > 0)
      throw new Error(`${path}: ${skipped} samples could not be read. Build the shards again.`);
    return { pictures: taken(images), captions: taken(texts!) };
  } finally {
    dataset.close();
  }
}

function encodeTexts({ method, tokenizer, device }: LoadedRun, texts: string[]): Embeddings {
  const ids = tokenizer!.encodeBatch(texts);
  return torch.noGrad(() =>
    torch.scope(() =>
      embeddings(
        method.encodeTexts!(torch.tensor(ids, [texts.length, tokenizer!.contextLength], { device })),
      ),
    ),
  );
}

/** [N, E] on the device, as numbers here. */
const embeddings = (features: torch.Tensor): Embeddings => ({
  width: features.shape[1]!,
  rows: Float32Array.from(features.toNumbers()),
});

function taken(features: torch.Tensor): Embeddings {
  const result = embeddings(features);
  features.dispose();
  return result;
}

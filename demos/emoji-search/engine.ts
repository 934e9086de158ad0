import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  defineConfig,
  type LoadedRun,
  loadRun,
  parseConfig,
  readMetrics,
  type TrainEvent,
  torch,
  train,
} from 'couplet';
import sharp from 'sharp';
import type { Embeddings } from '../search.ts';
import type { CurvePoint } from './chart.ts';
import type { EmojiData } from './data.ts';

/** Two towers that put pictures (PNG files) and texts into one space. */
export interface Encoder {
  images(files: Buffer[]): Promise<Embeddings>;
  texts(texts: string[]): Promise<Embeddings>;
}

export interface Training {
  curve: CurvePoint[];
  samplesSeen: number;
  seconds: number;
}

const SIDE = 48;

/** FastCLIP-v3 on the training shards, sized for two cores. */
export const emojiConfig = (folder: string, data: EmojiData) =>
  defineConfig({
    name: 'emoji-search',
    device: 'cpu',
    // From a half on, as train() warns: beside other work a processor that has bfloat16 reads as 0.9 to 9, one without as 0.05.
    precision: torch.bfloat16Gain() > 0.5 ? 'bfloat16' : 'float32',
    model: {
      embedDim: 128,
      image: { imageSize: SIDE, patchSize: 12, width: 128, layers: 4, heads: 2, pool: 'mean' },
      text: { contextLength: 32, width: 128, heads: 2, layers: 1 },
    },
    method: { name: 'fastclip' },
    data: {
      train: { type: 'webdataset', path: join(folder, data.train.shards) },
      tokenizer: { type: 'bpe', vocabSize: 2000 },
      crop: { scale: [0.6, 1] },
      flip: true,
    },
    batch: { globalBatchSize: 128 },
    duration: { epochs: 7 },
    optimizer: { peakLr: 7e-4, clipGradNorm: 1 },
    schedule: { warmup: { epochs: 0.7 } },
    log: { every: { steps: 20 } },
  });

/** Trains in `runsDir`, in place of what an earlier demo left there. */
export async function trainModel(
  config: ReturnType<typeof emojiConfig>,
  runsDir: string,
  onEvent: (event: TrainEvent) => void,
): Promise<Training> {
  const runDir = join(runsDir, 'emoji-search');
  await rm(runDir, { recursive: true, force: true });
  const start = performance.now();
  const { step } = await train(parseConfig(config), { runsDir, onEvent });
  const seconds = (performance.now() - start) / 1000;
  const { globalBatchSize } = config.batch;
  const curve = readMetrics(join(runDir, 'metrics.jsonl')).map((row) => ({
    samples: row.step * globalBatchSize,
    loss: Number(row['train/loss']),
  }));
  return { curve, samplesSeen: step * globalBatchSize, seconds };
}

/** The model of the run, `start`: before its first step, `latest`: trained. */
export async function openEncoder(
  runsDir: string,
  checkpoint: 'start' | 'latest',
): Promise<Encoder & { close(): void }> {
  const run = await loadRun(join(runsDir, 'emoji-search'), { checkpoint });
  return {
    images: async (files) => encodeImages(run, await Promise.all(files.map(pixels))),
    texts: async (texts) => encodeTexts(run, texts),
    close: () => run.close(),
  };
}

/** RGB bytes of a picture at the model's size. */
const pixels = (file: Buffer) =>
  sharp(file).flatten({ background: '#fff' }).resize(SIDE, SIDE).raw().toBuffer();

function encodeImages({ method, device }: LoadedRun, pictures: Buffer[]): Embeddings {
  const bytes = new Uint8Array(Buffer.concat(pictures));
  return embeddings(() =>
    method.encodeImages(torch.tensor(bytes, [pictures.length, SIDE, SIDE, 3], { device })),
  );
}

function encodeTexts({ method, tokenizer, device }: LoadedRun, texts: string[]): Embeddings {
  const ids = tokenizer!.encodeBatch(texts);
  return embeddings(() =>
    method.encodeTexts!(torch.tensor(ids, [texts.length, tokenizer!.contextLength], { device })),
  );
}

function embeddings(encode: () => torch.Tensor): Embeddings {
  return torch.noGrad(() =>
    torch.scope(() => {
      const features = encode();
      return { width: features.shape[1], rows: features.toArray() as Float32Array };
    }),
  );
}

import type { CurvePoint } from './chart.ts';
import type { EmojiData } from './data.ts';
import { lot } from './lot.ts';
import type { Embeddings } from './search.ts';

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

/**
 * STAND-IN until `train` of Couplet is here: an encoder that knows nothing, and a training that does nothing.
 * The encoder before and after training is the same object, as a model's will be.
 */
export async function createModel(
  _folder: string,
  _data: EmojiData,
): Promise<{ encoder: Encoder; train(): Promise<Training> }> {
  const width = 32;
  const noise = (keys: string[]): Embeddings => ({
    width,
    rows: Float32Array.from(
      { length: keys.length * width },
      (_, at) => lot(`${keys[Math.floor(at / width)]} ${at % width}`) - 0.5,
    ),
  });
  const encoder: Encoder = {
    images: async (files) => noise(files.map((file) => file.toString('base64'))),
    texts: async (texts) => noise(texts),
  };
  return { encoder, train: async () => ({ curve: [], samplesSeen: 0, seconds: 0 }) };
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { centerView, cutSmall, decodePixels, openPicture } from '../../src/data/pictures/decode.ts';
import { tokensToDevice, viewToDevice } from '../../src/feed/upload.ts';
import type { LoadedRun } from '../../src/run/load-run.ts';
import type { PagePictures, PictureRow } from '../../src/search-page/pictures.ts';
import { noGrad, scope, type Tensor } from '../../src/torch/index.ts';

export interface MadePicture extends PictureRow {
  readonly bytes: Uint8Array;
}

function vectorOf(encode: () => Tensor): number[] {
  let row: number[] = [];
  noGrad(() =>
    scope(() => {
      const tensor = encode();
      row = tensor.toNumbers();
      return tensor;
    }),
  );
  return row;
}

/** [1, S, S, 3] as an evaluation cuts it. */
async function squareOf(bytes: Uint8Array, side: number): Promise<Uint8Array> {
  const picture = await openPicture(bytes, { minSide: 1, maxPixels: 1e8 });
  const square = new Uint8Array(side * side * 3);
  const place = { target: square, offset: 0, interpolation: 'bicubic' } as const;
  cutSmall(await decodePixels(picture), centerView(picture.size, side), place);
  return square;
}

/** The run's own vector of a picture. */
export async function vectorOfPicture(run: LoadedRun, bytes: Uint8Array): Promise<number[]> {
  const images = await squareOf(bytes, run.imageSize);
  return vectorOf(() => run.method.encodeImages(viewToDevice({ images, side: run.imageSize }, 'cpu')));
}

/** The run's own vector of a text. */
export const vectorOfWords = (run: LoadedRun, text: string): number[] =>
  vectorOf(() => run.method.encodeTexts!(tokensToDevice(run.tokenizer!.encode(text), 1, 'cpu')));

export async function picturesOf(run: LoadedRun, made: readonly MadePicture[]): Promise<PagePictures> {
  const rows = await Promise.all(made.map(({ bytes }) => vectorOfPicture(run, bytes)));
  return {
    dim: rows[0]?.length ?? 32,
    vectors: Float32Array.from(rows.flat()),
    rows: made.map(({ bytes: _, ...row }) => row),
    readPicture: (row) => made[row]!.bytes,
  };
}

/** Rows by their product with a query, from the page's file, in a plain loop. */
export function naiveOrder(folder: string, query: readonly number[], count: number): [number, number][] {
  const dim = query.length;
  const bytes = readFileSync(join(folder, 'vectors.bin'));
  return Array.from({ length: count }, (_, row): [number, number] => {
    let sum = 0;
    for (let i = 0; i < dim; i++) sum += query[i]! * bytes.readInt8(4 * count + row * dim + i);
    return [row, sum * bytes.readFloatLE(4 * row)];
  }).sort((a, b) => b[1] - a[1] || a[0] - b[0]);
}

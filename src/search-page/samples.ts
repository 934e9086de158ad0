import { centerView, cutSmall, decodePixels, openPicture } from '../data/pictures/decode.ts';
import { tokensToDevice, viewToDevice } from '../feed/upload.ts';
import type { OnnxSamples } from '../onnx/index.ts';
import type { LoadedRun } from '../run/load-run.ts';
import { noGrad, scope, type Tensor } from '../torch/index.ts';
import { idsOf } from './ids.ts';
import { type PagePictures, someRows } from './pictures.ts';
import { LIMITS } from './thumbnails.ts';
import { towerPixels } from './tower-pixels.ts';

// What a file's features are compared on: a picture or a text of the page each, with the run's features of it.

const SAMPLES = 16;

/** Without a readable picture: noise. @param output name in the file */
export async function pictureSamples(
  run: LoadedRun,
  pictures: PagePictures,
  output: string,
): Promise<OnnxSamples[]> {
  const squares: Uint8Array[] = [];
  for (const row of someRows(pictures.rows.length, SAMPLES)) {
    const square = await squareOf(pictures, row, run.imageSize).catch(() => undefined);
    if (square) squares.push(square);
  }
  if (squares.length === 0) squares.push(noise(run.imageSize));
  return squares.map((images) => {
    const side = run.imageSize;
    const data = towerPixels(images, run.config.data);
    const features = encoded(() => run.method.encodeImages(viewToDevice({ images, side }, run.device)));
    return {
      inputs: { pixel_values: { shape: [1, 3, side, side], data } },
      features: { [output]: features },
    };
  });
}

async function squareOf(pictures: PagePictures, row: number, side: number): Promise<Uint8Array> {
  const picture = await openPicture(await pictures.readPicture(row), LIMITS);
  const square = new Uint8Array(side * side * 3);
  const place = { target: square, offset: 0, interpolation: 'bicubic' } as const;
  cutSmall(await decodePixels(picture), centerView(picture.size, side), place);
  return square;
}

const noise = (side: number): Uint8Array =>
  Uint8Array.from({ length: side * side * 3 }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 24);

const WORDS = ['a photo of a cat', 'two red chairs', 'mountains', 'a dog in the snow', 'blue'];

/** Captions; without them a few words. @param output name in the file, @param cut whether ids end with the text */
export function textSamples(
  run: LoadedRun,
  { pictures, output, cut }: { pictures: PagePictures; output: string; cut: boolean },
): OnnxSamples[] {
  const tokenizer = run.tokenizer!;
  const captions = someRows(pictures.rows.length, SAMPLES).flatMap(
    (row) => pictures.rows[row]!.caption ?? [],
  );
  return (captions.length > 0 ? captions : WORDS).map((text) => {
    const ids = idsOf(text, tokenizer, cut);
    const tokens = tokensToDevice(tokenizer.encode(text), 1, run.device);
    const features = encoded(() => run.method.encodeTexts!(tokens));
    return {
      inputs: { input_ids: { shape: [1, ids.length], data: ids } },
      features: { [output]: features },
    };
  });
}

function encoded(encode: () => Tensor): { shape: readonly number[]; data: Float32Array } {
  return noGrad(() =>
    scope(() => {
      const rows = encode().to('float32');
      return { shape: rows.shape, data: Float32Array.from(rows.toNumbers()) };
    }),
  ) as unknown as { shape: readonly number[]; data: Float32Array };
}

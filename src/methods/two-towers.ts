import { type AnyClipSpec, Clip } from '../models/clip.ts';
import { PixelNormalizer } from '../nn/pixels.ts';
import { autocast, type Tensor } from '../torch/index.ts';
import type { Batch } from './method.ts';

/** CLIP's towers as a method uses them: bytes and tokens in, unit rows out, the products in the run's precision. */
export class TwoTowers {
  readonly clip: Clip;
  readonly #pixels: PixelNormalizer;
  readonly #mode: { device: string; dtype: 'float32' | 'bfloat16' };

  constructor(context: {
    model: AnyClipSpec;
    seed: number;
    device: string;
    precision: 'float32' | 'bfloat16';
    pixels: { mean: readonly number[]; std: readonly number[] };
    temperature: number;
  }) {
    this.clip = new Clip(context.model, context);
    this.#pixels = new PixelNormalizer(context.pixels, context.device);
    this.#mode = { device: context.device, dtype: context.precision };
  }

  /** uint8 [B, S, S, 3] -> [B, E]. */
  images(images: Tensor): Tensor {
    const pixels = this.#pixels.forward(images);
    return autocast(this.#mode, () => this.clip.encodeImage(pixels));
  }

  /** int32 [B, L] -> [B, E]. */
  texts(tokens: Tensor): Tensor {
    return autocast(this.#mode, () => this.clip.encodeText(tokens));
  }

  /** Both towers on one batch: image and text features [B, E]. */
  features({ images, tokens }: Batch): { image: Tensor; text: Tensor } {
    return { image: this.images(images), text: this.texts(tokens) };
  }

  dispose(): void {
    this.clip.dispose();
    this.#pixels.dispose();
  }
}

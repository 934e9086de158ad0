import { Clip } from '../models/clip.ts';
import { type AnyModelSpec, hasTexts } from '../models/registry.ts';
import { PixelNormalizer } from '../nn/pixels.ts';
import type { Clock } from '../schedules.ts';
import { autocast, type Tensor } from '../torch/index.ts';
import type { Batch, CostContext } from './method.ts';

/** Of the image tower alone: a forward and a backward pass, which counts as two (section 1.6 of Lin et al. for one trained net). */
export function imageTowerCost(_context: CostContext<unknown>): number {
  return 3;
}

/** CLIP's towers as a method uses them: bytes and tokens in, unit rows out, the products in the run's precision. */
export class TwoTowers {
  readonly clip: Clip;
  readonly #pixels: PixelNormalizer;
  readonly #mode: { device: string; dtype: 'float32' | 'bfloat16' };

  constructor(context: {
    model: AnyModelSpec;
    seed: number;
    device: string;
    precision: 'float32' | 'bfloat16';
    pixels: { mean: readonly number[]; std: readonly number[] };
    temperature: number;
  }) {
    if (!hasTexts(context.model)) throw new TypeError('two towers need a model with a text tower'); // run.ts has refused it
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
  features({ views: [images], tokens }: Batch, _clock: Clock): { image: Tensor; text: Tensor } {
    return { image: this.images(images), text: this.texts(tokens) };
  }

  dispose(): void {
    this.clip.dispose();
    this.#pixels.dispose();
  }
}

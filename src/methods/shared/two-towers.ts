import { imageTowerCost, type SequencePlan, sequenceLength, sequencePlan } from '../../compress/index.ts';
import { Clip } from '../../models/clip.ts';
import { type AnyModelSpec, hasTexts } from '../../models/registry.ts';
import { PixelNormalizer } from '../../nn/pixels.ts';
import type { StepContext } from '../../time/clock.ts';
import { autocast, type Tensor } from '../../torch/index.ts';
import type { Batch, CostContext } from '../method.ts';

/** What a sample costs: the image tower's forward and backward. Texts are never compressed, and are left out. */
export function twoTowersCost({ model: { image }, compression }: CostContext<unknown>): number {
  if (image.type === 'resnet') return imageTowerCost({ query: 1, base: 1 });
  const { imageSize, patchSize } = image;
  return imageTowerCost({
    query: sequenceLength(imageSize, compression),
    base: sequenceLength(imageSize, { patchSize }),
  });
}

/** CLIP's towers as a method uses them: bytes and tokens in, unit rows out, the products in the run's precision. */
export class TwoTowers {
  readonly clip: Clip;
  readonly #pixels: PixelNormalizer;
  readonly #seed: number;
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
    this.#seed = context.seed;
    this.#mode = { device: context.device, dtype: context.precision };
  }

  /** uint8 [B, S, S, 3] -> [B, E]. */
  images(images: Tensor, plan?: SequencePlan): Tensor {
    const pixels = this.#pixels.forward(images);
    return autocast(this.#mode, () => this.clip.encodeImage(pixels, plan));
  }

  /** int32 [B, L] -> [B, E]. */
  texts(tokens: Tensor): Tensor {
    return autocast(this.#mode, () => this.clip.encodeText(tokens));
  }

  /** Both towers on one batch: image and text features [B, E]. */
  features(batch: Batch, clock: StepContext): { image: Tensor; text: Tensor } {
    const image = this.images(batch.views[0], this.#plan(batch, clock));
    return { image, text: this.texts(batch.tokens) };
  }

  /** How this step's image sequences are shortened; a ResNet has none, and run.ts has refused to compress it. */
  #plan({ ids, rows }: Batch, { compression, step }: StepContext): SequencePlan | undefined {
    const { image } = this.clip.spec;
    if (!compression || image.type === 'resnet') return undefined;
    const { imageSize, patchSize } = image;
    const count = ids.shape[0];
    const [seed, device] = [this.#seed, this.#mode.device];
    return sequencePlan({ compression, imageSize, patchSize, rows, count, step, view: 0, seed, device });
  }

  dispose(): void {
    this.clip.dispose();
    this.#pixels.dispose();
  }
}

// b pairs of this rank, E width of the embedding.
import type { z } from 'zod';
import { type SequencePlan, sequencePlan } from '../../compress/index.ts';
import { Clip } from '../../models/clip.ts';
import type { Tower } from '../../models/depth.ts';
import { hasTexts } from '../../models/registry.ts';
import type { NamedParams } from '../../nn/module.ts';
import { PixelNormalizer } from '../../nn/pixels.ts';
import type { Ranks } from '../../ranks/index.ts';
import type { StepContext } from '../../time/clock.ts';
import { autocast, type Tensor } from '../../torch/index.ts';
import {
  type Batch,
  defineMethod,
  type Features,
  type Method,
  type MethodContext,
  type MethodDefinition,
  type MethodLoss,
  type MethodParts,
  type MethodState,
  type Pass,
  plainView,
} from '../method.ts';

/** A method on CLIP's two towers. Its features `image` and `text` are [b, E], rows of unit length. */
export abstract class TwoTowerMethod<Options, Next = null> implements Method<Next> {
  readonly model: NamedParams;
  readonly params: NamedParams;
  readonly state: MethodState = new Map();
  protected readonly options: Options;
  protected readonly ranks: Ranks;
  protected readonly clip: Clip;
  readonly #pixels: PixelNormalizer;
  readonly #seed: number;
  readonly #mode: { device: string; dtype: 'float32' | 'bfloat16' };
  readonly #pass: Pass;

  constructor(context: MethodContext<Options>, start: { temperature: number }) {
    const { model, device, seed, precision } = context;
    if (!hasTexts(model)) throw new TypeError('two towers need a model with a text tower');
    this.options = context.options;
    this.ranks = context.ranks;
    this.clip = new Clip(model, { seed, device, temperature: start.temperature });
    this.model = this.clip.namedTensors();
    this.params = this.clip.namedParameters();
    this.#pixels = new PixelNormalizer(context.pixels, device);
    this.#seed = seed;
    this.#mode = { device, dtype: precision };
    [this.#pass] = context.passes;
    if (model.image.type !== 'resnet')
      this.encodePatches = (images) => {
        const pixels = this.#pixels.forward(images);
        return autocast(this.#mode, () => this.clip.encodePatches(pixels));
      };
  }

  freeze(names: ReadonlySet<string>): void {
    this.clip.freeze(names);
    for (const name of names) this.params.delete(name);
  }

  encodeImages = (images: Tensor) => this.#encodeImages(images);

  /** Absent for a ResNet. */
  readonly encodePatches?: (images: Tensor) => Tensor;

  encodeTexts = (tokens: Tensor) => autocast(this.#mode, () => this.clip.encodeText(tokens));

  readonly towers = {
    image: (images: Tensor) => {
      const pixels = this.#pixels.forward(images);
      return autocast(this.#mode, () => this.clip.imageOutput(pixels));
    },
    text: (tokens: Tensor) => autocast(this.#mode, () => this.clip.textOutput(tokens)),
  };

  features(batch: Batch, context: StepContext): { image: Tensor; text: Tensor } {
    const { image, text } = batch.held ?? {};
    return {
      image: image
        ? this.#fromHeld('image', image)
        : this.#encodeImages(batch.views[0], this.#plan(batch, context)),
      text: text ? this.#fromHeld('text', text) : this.encodeTexts(batch.tokens),
    };
  }

  #fromHeld(tower: Tower, output: Tensor): Tensor {
    return autocast(this.#mode, () => this.clip.features(tower, output));
  }

  /** A loss that reads the time overrides this. */
  lossKey(_context: StepContext): string {
    return '';
  }

  abstract loss(features: Features, ids: Tensor, context: StepContext): MethodLoss<Next>;

  commit(_next: Next, _context: StepContext): void {}

  #encodeImages(images: Tensor, plan?: SequencePlan): Tensor {
    const pixels = this.#pixels.forward(images);
    return autocast(this.#mode, () => this.clip.encodeImage(pixels, plan));
  }

  #plan({ ids, rows }: Batch, { compression, step }: StepContext): SequencePlan | undefined {
    const { image } = this.clip.spec;
    if (!compression || image.type === 'resnet') return undefined;
    const { imageSize, patchSize } = image;
    const {
      dropTokens,
      scalePatches,
      views: [view],
    } = this.#pass;
    const [seed, device] = [this.#seed, this.#mode.device];
    const count = ids.shape[0];
    const sizes = { imageSize, patchSize, rows, count };
    return sequencePlan({ compression, dropTokens, scalePatches, ...sizes, step, view, seed, device });
  }

  dispose(): void {
    this.clip.dispose();
    this.#pixels.dispose();
  }
}

type TwoTowerDefinition<Schema extends z.ZodObject> = Pick<
  MethodParts<Schema>,
  'name' | 'options' | 'defaults' | 'create'
>;

/** A method on pictures, one compressed plain crop each, and whole texts. */
export function defineTwoTowers<Schema extends z.ZodObject>(
  definition: TwoTowerDefinition<Schema>,
): MethodDefinition<Schema> {
  return defineMethod<Schema>({
    needs: { tokens: true },
    views: plainView,
    passes: () => [{ features: 'image', trained: true, views: [0], dropTokens: true, scalePatches: true }],
    ...definition,
  });
}

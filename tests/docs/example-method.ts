// src/methods/image-to-text.ts: CLIP's loss in one direction, at a temperature that stays.
import { z } from 'zod';
import {
  type Batch,
  defineMethod,
  type Features,
  type Method,
  type MethodContext,
  plainView,
} from '../../src/methods/method.ts';
import { TwoTowers } from '../../src/methods/shared/two-towers.ts';
import type { NamedParams } from '../../src/nn/module.ts';
import type { Ranks } from '../../src/ranks/index.ts';
import type { StepContext } from '../../src/time/clock.ts';
import type { Tensor } from '../../src/torch/index.ts';
import * as ops from '../../src/torch/ops.ts';

const options = z.strictObject({
  name: z.literal('image-to-text'),
  temperature: z.number().positive().default(0.07).describe('divides similarities; it is not learned'),
});

class ImageToText implements Method<null> {
  readonly model: NamedParams;
  readonly params: NamedParams;
  readonly state = new Map();
  readonly #towers: TwoTowers;
  readonly #temperature: number;
  readonly #ranks: Ranks;

  constructor(context: MethodContext<z.output<typeof options>>) {
    this.#temperature = context.options.temperature;
    this.#ranks = context.ranks;
    this.#towers = new TwoTowers({ ...context, temperature: this.#temperature });
    this.model = this.#towers.clip.namedTensors();
    this.params = this.#towers.clip.namedParameters();
    this.params.delete('logit_scale'); // in the checkpoint, but the optimizer does not move it
  }

  encodeImages = (images: Tensor) => this.#towers.images(images);
  encodeTexts = (tokens: Batch['tokens']) => this.#towers.texts(tokens);
  features = (batch: Batch, clock: StepContext) => this.#towers.features(batch, clock);

  loss({ image, text }: Features) {
    const [rows] = image.shape;
    const texts = this.#ranks.allGatherWithGrad(text, 'features'); // [B, E]; `text` itself when alone
    const logits = image.matmul(texts.t).div(this.#temperature); // [b, B]
    const pairs = logits.narrow(1, this.#ranks.rank * rows, rows).diagonal();
    const loss = ops.logsumexp(logits, [1]).sub(pairs).mean();
    return { loss, metrics: () => ({ loss: loss.detach() }), next: null };
  }

  commit(): void {} // nothing moves but what the optimizer moves

  dispose(): void {
    this.#towers.dispose();
  }
}

export const imageToText = defineMethod({
  name: 'image-to-text',
  options,
  needs: { tokens: true },
  views: plainView,
  create: (context) => new ImageToText(context),
});

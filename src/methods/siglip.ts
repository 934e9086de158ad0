import { z } from 'zod';
import { siglipLoss } from '../losses/siglip.ts';
import type { NamedParams } from '../nn/module.ts';
import type { Ranks } from '../ranks/index.ts';
import type { StepContext } from '../time/clock.ts';
import { full, type Tensor } from '../torch/index.ts';
import {
  type Batch,
  defineMethod,
  type Features,
  type Method,
  type MethodContext,
  plainView,
} from './method.ts';
import { TwoTowers, twoTowersCost } from './shared/two-towers.ts';

const options = z.strictObject({
  name: z.literal('siglip'),
  temperature: z.number().positive().default(0.1).describe('where the temperature starts; it is learned'),
  bias: z.number().default(-10).describe('where the bias starts; it is learned'),
});

/** SigLIP (Zhai et al. 2023), as a peer to measure against: a sigmoid for each pair, no normalisation over the batch. */
class SigLip implements Method<null> {
  readonly model: NamedParams;
  readonly params: NamedParams;
  readonly state = new Map();
  readonly #towers: TwoTowers;
  readonly #bias: Tensor; // scalar, open_clip's `logit_bias`
  readonly #ranks: Ranks;

  constructor(context: MethodContext<z.output<typeof options>>) {
    this.#towers = new TwoTowers({ ...context, temperature: context.options.temperature });
    this.#ranks = context.ranks;
    this.#bias = full([], context.options.bias, { device: context.device }).persist().requireGrad();
    this.model = new Map([...this.#towers.clip.namedTensors(), ['logit_bias', this.#bias]]);
    this.params = new Map([...this.#towers.clip.namedParameters(), ['logit_bias', this.#bias]]);
  }

  encodeImages = (images: Tensor) => this.#towers.images(images);
  encodeTexts = (tokens: Tensor) => this.#towers.texts(tokens);
  features = (batch: Batch, clock: StepContext) => this.#towers.features(batch, clock);

  lossKey = () => '';

  loss({ image, text }: Features) {
    const logitScale = this.#towers.clip.logLogitScale.exp();
    const texts = this.#ranks.worldSize === 1 ? text : this.#ranks.allGatherWithGrad(text, 'features');
    const loss = siglipLoss(image, texts, {
      logitScale,
      bias: this.#bias,
      offset: this.#ranks.rank * image.shape[0],
    });
    const metrics = () => ({
      loss: loss.detach(),
      logit_scale: logitScale.detach(),
      logit_bias: this.#bias.detach(),
    });
    return { loss, metrics, next: null };
  }

  commit(): void {}

  dispose(): void {
    this.#towers.dispose();
    this.#bias.dispose();
  }
}

export const siglip = defineMethod({
  name: 'siglip',
  options,
  needs: { tokens: true },
  views: plainView,
  cost: twoTowersCost,
  create: (context) => new SigLip(context),
});

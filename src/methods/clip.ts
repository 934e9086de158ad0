import { z } from 'zod';
import { clipLoss } from '../losses/clip.ts';
import type { NamedParams } from '../nn/module.ts';
import type { Ranks } from '../ranks/index.ts';
import type { StepContext } from '../time/clock.ts';
import { noGrad, type Tensor } from '../torch/index.ts';
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
  name: z.literal('clip'),
  temperature: z.number().positive().default(0.07).describe('where the temperature starts; it is learned'),
});

/** open_clip's bound: a logit scale of at most 100. */
const MAX_LOG_LOGIT_SCALE = Math.log(100);

/** OpenCLIP: InfoNCE over the mini-batch, a learned temperature. The baseline that FastCLIP is measured against. */
class ClipMethod implements Method<null> {
  readonly model: NamedParams;
  readonly params: NamedParams;
  readonly state = new Map();
  readonly #towers: TwoTowers;
  readonly #ranks: Ranks;

  constructor(context: MethodContext<z.output<typeof options>>) {
    this.#towers = new TwoTowers({ ...context, temperature: context.options.temperature });
    this.#ranks = context.ranks;
    this.model = this.#towers.clip.namedTensors();
    this.params = this.#towers.clip.namedParameters();
  }

  encodeImages = (images: Tensor) => this.#towers.images(images);
  encodeTexts = (tokens: Batch['tokens']) => this.#towers.texts(tokens);
  features = (batch: Batch, clock: StepContext) => this.#towers.features(batch, clock);

  lossKey = () => '';

  loss({ image, text }: Features) {
    const logitScale = this.#towers.clip.logLogitScale.exp();
    const loss = clipLoss(image, text, { logitScale, ...this.#gathered(image, text) });
    const metrics = () => ({ loss: loss.detach(), logit_scale: logitScale.detach() });
    return { loss, metrics, next: null };
  }

  /** OpenCLIP's reduction: features of all ranks, with gradient. */
  #gathered(image: Tensor, text: Tensor) {
    if (this.#ranks.worldSize === 1) return {};
    const gather = (features: Tensor) => this.#ranks.allGatherWithGrad(features, 'features');
    return {
      gathered: { image: gather(image), text: gather(text), offset: this.#ranks.rank * image.shape[0] },
    };
  }

  commit(): void {
    noGrad(() => this.#towers.clip.logLogitScale.clamp_(0, MAX_LOG_LOGIT_SCALE));
  }

  dispose(): void {
    this.#towers.dispose();
  }
}

export const clip = defineMethod({
  name: 'clip',
  options,
  needs: { tokens: true },
  views: plainView,
  cost: twoTowersCost,
  create: (context) => new ClipMethod(context),
});

import { z } from 'zod';
import { clipLoss } from '../losses/clip.ts';
import { noGrad, type Tensor } from '../torch/index.ts';
import type { Features } from './method.ts';
import { defineTwoTowers, TwoTowerMethod } from './shared/two-towers.ts';

const options = z.strictObject({
  name: z.literal('clip'),
  temperature: z.number().positive().default(0.07).describe('initial temperature, which is learned'),
});

/** open_clip's bound. */
const MAX_LOG_LOGIT_SCALE = Math.log(100);

/** CLIP (Radford et al. 2021) as in open_clip. */
class ClipMethod extends TwoTowerMethod<z.output<typeof options>> {
  loss({ image, text }: Features) {
    const logitScale = this.clip.logLogitScale.exp();
    const loss = clipLoss(image, text, { logitScale, ...this.#gathered(image, text) });
    const metrics = () => ({ loss: loss.detach(), logit_scale: logitScale.detach() });
    return { loss, metrics, next: null };
  }

  /** @equation FastCLIP 4: OpenCLIP: all-gather with gradient; 8 (K - 1) b E bytes forward, as many backward (reduce-scatter) */
  #gathered(image: Tensor, text: Tensor) {
    if (this.ranks.worldSize === 1) return {};
    const gather = (features: Tensor) => this.ranks.allGatherWithGrad(features, 'features');
    const offset = this.ranks.rank * image.shape[0];
    return { gathered: { image: gather(image), text: gather(text), offset } };
  }

  override commit(): void {
    noGrad(() => this.clip.logLogitScale.clamp_(0, MAX_LOG_LOGIT_SCALE));
  }
}

export const clip = defineTwoTowers({
  name: 'clip',
  options,
  create: (context) => new ClipMethod(context, context.options),
});

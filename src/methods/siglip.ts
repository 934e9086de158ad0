import { z } from 'zod';
import { siglipLoss } from '../losses/siglip.ts';
import { full, type Tensor } from '../torch/index.ts';
import type { Features, MethodContext } from './method.ts';
import { defineTwoTowers, TwoTowerMethod } from './shared/two-towers.ts';

const options = z.strictObject({
  name: z.literal('siglip'),
  temperature: z.number().positive().default(0.1).describe('initial temperature, which is learned'),
  bias: z.number().default(-10).describe('initial bias, which is learned'),
});
type Options = z.output<typeof options>;

/** SigLIP (Zhai et al. 2023). */
class SigLip extends TwoTowerMethod<Options> {
  readonly #bias: Tensor; // scalar

  constructor(context: MethodContext<Options>) {
    super(context, context.options);
    this.#bias = full([], context.options.bias, { device: context.device }).persist().requireGrad();
    for (const tensors of [this.model, this.params]) tensors.set('logit_bias', this.#bias); // open_clip's name
  }

  loss({ image, text }: Features) {
    const { rank, worldSize } = this.ranks;
    const logitScale = this.clip.logLogitScale.exp();
    const texts = worldSize === 1 ? text : this.ranks.allGatherWithGrad(text, 'features'); // [B, E]
    const bias = this.#bias;
    const loss = siglipLoss(image, texts, { logitScale, bias, offset: rank * image.shape[0] });
    const metrics = () => ({
      loss: loss.detach(),
      logit_scale: logitScale.detach(),
      logit_bias: bias.detach(),
    });
    return { loss, metrics, next: null };
  }

  override dispose(): void {
    super.dispose();
    this.#bias.dispose();
  }
}

export const siglip = defineTwoTowers({
  name: 'siglip',
  options,
  create: (context) => new SigLip(context),
});

// src/methods/image-to-text.ts: CLIP's loss in one direction, at a temperature that stays.
import { z } from 'zod';
import type { Features, MethodContext } from '../../src/methods/method.ts';
import { defineTwoTowers, TwoTowerMethod } from '../../src/methods/shared/two-towers.ts';
import * as ops from '../../src/torch/ops.ts';

const options = z.strictObject({
  name: z.literal('image-to-text'),
  temperature: z.number().positive().default(0.07).describe('divisor of similarities; it is not learned'),
});
type Options = z.output<typeof options>;

class ImageToText extends TwoTowerMethod<Options> {
  constructor(context: MethodContext<Options>) {
    super(context, context.options);
    this.params.delete('logit_scale'); // in the checkpoint, but the optimizer does not move it
  }

  loss({ image, text }: Features) {
    const [rows] = image.shape;
    const texts = this.ranks.allGatherWithGrad(text, 'features'); // [B, E]; `text` itself when alone
    const logits = image.matmul(texts.t).div(this.options.temperature); // [b, B]
    const pairs = logits.narrow(1, this.ranks.rank * rows, rows).diagonal();
    const loss = ops.logsumexp(logits, [1]).sub(pairs).mean();
    return { loss, metrics: () => ({ loss: loss.detach() }), next: null };
  }
}

export const imageToText = defineTwoTowers({
  name: 'image-to-text',
  options,
  create: (context) => new ImageToText(context),
});

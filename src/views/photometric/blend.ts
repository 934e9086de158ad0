import type { Tensor } from '../../torch/index.ts';
import { scope } from '../../torch/index.ts';
import * as ops from '../../torch/ops.ts';
import { luma } from './luma.ts';

/**
 * One round of brightness, contrast or saturation, each sample its own, in place: x <- clamp(x + amount (target - x), 0, 255).
 * With amount = 1 - factor that is torchvision's blend of the picture with black (brightness), with the mean of its gray values
 * (contrast) or with its gray values (saturation); the two weights choose the target, so that no sample needs a branch.
 * @param images [n, 3, S, S], 0..255, @param round [n, 3, 1, 1]: amount, weight of gray, weight of the mean
 */
export function blend(images: Tensor, round: Tensor): void {
  scope(() => {
    const [amount, towardsGray, towardsMean] = [0, 1, 2].map((k) => round.narrow(1, k, 1)) as Columns;
    const gray = luma(images);
    const target = ops.addcmul(gray.mean([1, 2, 3], true).mul(towardsMean), gray, towardsGray);
    ops.lerp__Tensor(images, target, amount);
    images.clamp_(0, 255);
  });
}

type Columns = [amount: Tensor, towardsGray: Tensor, towardsMean: Tensor];

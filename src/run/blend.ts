import { isDeepStrictEqual } from 'node:util';
import { CoupletError } from '../errors.ts';
import { placeOf } from '../models/depth.ts';
import type { AnyModelSpec } from '../models/registry.ts';
import type { NamedParams } from '../nn/module.ts';
import { noGrad, scope, type Tensor } from '../torch/index.ts';

/** Buffers of batch norms. */
const STATISTIC = /(^|\.)(running_mean|running_var|num_batches_tracked)$/;

/**
 * trained <- (1 - alpha) start + alpha trained, in place: weights between those that a run began with and those that it learned
 * (WiSE-FT, Wortsman et al. 2022, equation 1; `logit_scale` as all others, as in their code). What did not move stays to the last bit.
 * Batch norms of heads keep the trained statistics.
 * @throws CoupletError for a tower with batch norms whose statistics moved: those of the blended weights are unknown
 */
export function blendWeights(
  start: NamedParams,
  trained: NamedParams,
  { alpha, model }: { alpha: number; model: AnyModelSpec },
): void {
  const moved = (name: string, tensor: Tensor) =>
    !isDeepStrictEqual(tensor.toNumbers(), start.get(name)!.toNumbers());
  noGrad(() => {
    for (const [name, tensor] of trained) {
      if (STATISTIC.test(name)) {
        if (placeOf(name, model) && moved(name, tensor)) throw unknownStatistics(name);
        continue;
      }
      scope(() => {
        const from = start.get(name)!;
        const difference = tensor.sub(from);
        // Exact at both ends, and where both are equal.
        tensor.copy_(alpha < 0.5 ? from.add(difference.mul(alpha)) : tensor.sub(difference.mul(1 - alpha)));
      });
    }
  });
}

const unknownStatistics = (name: string) =>
  new CoupletError(
    `blend: ${name} moved while the run trained. Weights between start and end need other batch norm statistics, which only a pass over data gives. Blend a ViT, or a ResNet that was trained with model.freeze.image: 'all'.`,
  );

// b samples of this rank, B of all ranks, V views, E width of the embedding.
import { z } from 'zod';
import { queryKeyLoss } from '../losses/info-nce.ts';
import { MOCO_V3_VIT } from '../models/vit.ts';
import { Head, normedMlp } from '../nn/heads.ts';
import type { StepContext } from '../time/clock.ts';
import { noGrad, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { mocoV3Recipes } from '../views/recipes.ts';
import { defineMethod, type Features, type MethodContext } from './method.ts';
import { featureStatistics } from './shared/feature-statistics.ts';
import { PairMethod } from './shared/net-pair.ts';
import {
  asConfigured,
  augmentation,
  emaMomentum,
  frozenPatches,
  mocoDefaults,
  pairHeads,
} from './shared/ssl-defaults.ts';

const options = z.strictObject({
  name: z.literal('moco-v3'),
  symmetric: z
    .boolean()
    .default(true)
    .describe('whether both views are queries, as published; false: the first alone, at half the cost'),
  temperature: z.number().positive().default(0.2).describe('divisor of the cosines of queries and keys'),
  emaMomentum: emaMomentum('momentum encoder', 0.99),
  heads: pairHeads,
  frozenPatches,
  augmentation,
});
type Options = z.output<typeof options>;

const BOTH = [0, 1];

/** MoCo v3 (Chen et al. 2021). Keys come from the momentum encoder. */
class MocoV3 extends PairMethod<Options, Head, Head> {
  constructor(context: MethodContext<Options>) {
    const { hidden, embedDim } = context.options.heads;
    const norms = { ranks: context.ranks, last: 'none' } as const;
    super(context, {
      style: { ...MOCO_V3_VIT, frozenPatches: context.options.frozenPatches },
      headPrefix: 'projector.',
      makeHead: (init, width) => new Head(init, width, normedMlp([hidden, hidden, embedDim], norms)),
      makePredictor: (init) => new Head(init, embedDim, normedMlp([hidden, embedDim], norms)),
      followerPrefix: 'momentum_encoder.',
    });
  }

  /** As published, biases and norms decay too (FastCL 7.1). */
  decays = () => true;

  loss(features: Features, _ids: Tensor, context: StepContext) {
    const { leader, predictor, follower } = this.nets;
    const queries = this.project(features.queries, leader.head, predictor); // [b, V, E]
    const keys = noGrad(() => this.project(features.keys, follower.head));
    const loss = this.#contrast(queries, keys);
    const metrics = () => ({
      ...this.metricsOf(loss, context),
      ...featureStatistics(features.queries.select(1, 0), { projections: queries.select(1, 0) }),
    });
    return { loss, metrics, next: null };
  }

  /**
   * Queries of each view against keys of the other, summed over views.
   * @equation FastCL 7.1: symmetric: ctr(q1, k2) + ctr(q2, k1); otherwise the first alone
   */
  #contrast(queries: Tensor, keys: Tensor): Tensor {
    const others = this.options.symmetric ? ops.flip(keys, [1]) : keys; // [b, V, E]
    const all = this.ranks.allGather(others, 'features'); // [B, V, E]
    const byView = (rows: Tensor) => rows.transpose(0, 1); // [V, b, E]
    return queryKeyLoss(byView(queries), byView(others), {
      temperature: this.options.temperature,
      gathered: { keys: byView(all), offset: this.ranks.rank * keys.shape[0] },
    });
  }
}

export const mocoV3 = defineMethod({
  name: 'moco-v3',
  options,
  needs: { tokens: false },
  views: ({ options, imageSize, data }) => asConfigured(mocoV3Recipes(imageSize), data, options.augmentation),
  /**
   * FastCL 1.2: keys keep all tokens.
   * @equation FastCL 1.2: MoCo v3: d shortens queries, q queries and keys
   */
  passes({ options: { symmetric } }) {
    const [queryViews, keyViews] = symmetric ? [BOTH, BOTH] : [[0], [1]];
    return [
      { features: 'queries', trained: true, views: queryViews, dropTokens: true, scalePatches: true },
      { features: 'keys', trained: false, views: keyViews, dropTokens: false, scalePatches: true },
    ];
  },
  defaults: mocoDefaults('bilinear'),
  create: (context) => new MocoV3(context),
});

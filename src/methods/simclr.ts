// b samples of this rank, D width of the backbone, E of the embedding.
import { z } from 'zod';
import { ntXentLoss } from '../losses/nt-xent.ts';
import { MOCO_V3_VIT, type VitSpec } from '../models/vit.ts';
import { Head, normedMlp } from '../nn/heads.ts';
import type { Init } from '../nn/init.ts';
import { Module } from '../nn/module.ts';
import type { Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { simclrRecipes } from '../views/recipes.ts';
import { defineMethod, type Features, type MethodContext } from './method.ts';
import { Net, type NetParts } from './shared/backbone.ts';
import { featureStatistics } from './shared/feature-statistics.ts';
import { asConfigured, augmentation, frozenPatches, mocoDefaults } from './shared/ssl-defaults.ts';
import { ViewMethod } from './shared/view-method.ts';

const count = z
  .int()
  .min(1)
  .max(2 ** 17);

const options = z.strictObject({
  name: z.literal('simclr'),
  temperature: z.number().positive().default(0.1).describe('divisor of the cosines of views'),
  projector: z
    .strictObject({
      layers: z.int().min(1).max(100).default(3).describe('linear layers, each with a batch norm'),
      hidden: count.optional().describe("width of hidden layers; default the backbone's"),
      embedDim: count.default(128).describe('width of the projections that the loss compares'),
    })
    .prefault({})
    .describe('head, used in training only'),
  frozenPatches,
  augmentation,
});
type Options = z.output<typeof options>;

class OneNet extends Module {
  readonly leader: Net<Head>;

  constructor(init: Init, spec: VitSpec, parts: NetParts<Head>) {
    super();
    this.leader = this.child('', new Net(init, spec, parts));
  }
}

/** SimCLR (Chen et al. 2020) on a ViT. */
class SimClr extends ViewMethod<Options, OneNet> {
  constructor(context: MethodContext<Options>) {
    const { options, ranks } = context;
    const { layers, hidden, embedDim } = options.projector;
    const widthsOf = (width: number) => [...Array<number>(layers - 1).fill(hidden ?? width), embedDim];
    const parts: NetParts<Head> = {
      style: { ...MOCO_V3_VIT, frozenPatches: options.frozenPatches },
      headPrefix: 'projector.',
      makeHead: (init, width) => new Head(init, width, normedMlp(widthsOf(width), { ranks, last: 'scale' })),
    };
    super(context, (init, spec) => new OneNet(init, spec, parts));
  }

  /** Batch norms see both views at once. */
  loss({ views }: Features) {
    const projections = this.project(ops.cat(views.unbind(1), 0), this.nets.leader.head); // [2 b, E]
    const [first, second] = ops.chunk(projections, 2, 0);
    const loss = ntXentLoss(first, second, { ...this.options, ...this.#gathered(first, second) });
    const metrics = () => ({
      loss: loss.detach(),
      ...featureStatistics(views.select(1, 0), { projections: first }),
    });
    return { loss, metrics, next: null };
  }

  #gathered(first: Tensor, second: Tensor) {
    if (this.ranks.worldSize === 1) return {};
    const gather = (projections: Tensor) => this.ranks.allGatherWithGrad(projections, 'features');
    const offset = this.ranks.rank * first.shape[0];
    return { gathered: { first: gather(first), second: gather(second), offset } };
  }
}

/** Its paper has no recipe for ViTs, so training is MoCo v3's (FastCL 7.2). */
export const simclr = defineMethod({
  name: 'simclr',
  options,
  needs: { tokens: false },
  views: ({ options, imageSize, data }) => asConfigured(simclrRecipes(imageSize), data, options.augmentation),
  /** @equation FastCL 1.2: SimCLR: d and q shorten both views */
  passes: () => [{ features: 'views', trained: true, views: [0, 1], dropTokens: true, scalePatches: true }],
  defaults: mocoDefaults('bicubic'),
  create: (context) => new SimClr(context),
});

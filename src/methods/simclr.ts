// b samples of this rank, D width of the backbone, E of the embedding.
import { z } from 'zod';
import { sequenceLength, simclrCost } from '../compress/index.ts';
import { ntXentLoss } from '../losses/nt-xent.ts';
import { MOCO_V3_VIT } from '../models/vit.ts';
import { simclrProjector } from '../nn/heads.ts';
import { Init } from '../nn/init.ts';
import type { MlpHead } from '../nn/mlp-head.ts';
import type { NamedParams } from '../nn/module.ts';
import { unitRows } from '../nn/unit-rows.ts';
import type { Ranks } from '../ranks/index.ts';
import type { StepContext } from '../time/clock.ts';
import type { Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { simclrRecipes } from '../views/recipes.ts';
import { type Batch, defineMethod, type Features, type Method, type MethodContext } from './method.ts';
import { BackboneWithHead, learnedParameters, ViewEncoder, vitOf } from './shared/backbone.ts';
import { featureStatistics } from './shared/feature-statistics.ts';
import { ADAMW, asConfigured, augmentation, IMAGENET_PIXELS } from './shared/ssl-defaults.ts';

const count = z.int().min(1);

const options = z.strictObject({
  name: z.literal('simclr'),
  temperature: z.number().positive().default(0.1).describe('divides the cosines of views'),
  projector: z
    .strictObject({
      layers: z.int().min(1).default(3).describe('linear layers, each with a batch norm'),
      hidden: count.optional().describe("width of the hidden layers; default the backbone's"),
      embedDim: count.default(128).describe('width of what the loss compares'),
    })
    .prefault({})
    .describe('the head that only training has'),
  frozenPatches: z
    .boolean()
    .default(true)
    .describe('the patch projection stays random, which keeps training of ViTs stable (MoCo v3)'),
  augmentation,
});
type Options = z.output<typeof options>;

/** SimCLR (Chen et al. 2020) on a ViT: two views of each picture find each other among all others, one net for both. */
class SimClr implements Method<null> {
  readonly model: NamedParams;
  readonly params: NamedParams;
  readonly state = new Map();
  readonly #options: Options;
  readonly #ranks: Ranks;
  readonly #encoder: ViewEncoder;
  readonly #net: BackboneWithHead<MlpHead>;

  constructor(context: MethodContext<Options>) {
    const { projector, frozenPatches } = context.options;
    const spec = vitOf(context.model, 'simclr');
    this.#options = context.options;
    this.#ranks = context.ranks;
    this.#encoder = new ViewEncoder(context);
    const widths = { width: spec.width, ...projector, hidden: projector.hidden ?? spec.width };
    this.#net = new BackboneWithHead(new Init({ ...context, dtype: this.#encoder.dtype }), {
      spec,
      style: { ...MOCO_V3_VIT, frozenPatches },
      head: { prefix: 'projector.', make: (init) => simclrProjector(init, widths, context) },
    });
    this.model = this.#net.namedTensors();
    this.params = learnedParameters(this.#net);
  }

  encodeImages = (images: Tensor) => this.#encoder.encode(this.#net.backbone, images);

  /** Both views are compressed, with masks of their own: [b, 2, D]. */
  features(batch: Batch, clock: StepContext): Features {
    const pass = { views: [0, 1], dropTokens: true, scalePatches: true, clock };
    return { views: this.#encoder.features(this.#net.backbone, batch, pass) };
  }

  lossKey = () => '';

  /** The projector is part of the loss: its batch norms see both views of all samples at once, whatever the parts of the batch. */
  loss({ views }: Features) {
    const both = ops.cat(views.unbind(1), 0); // [2 b, D]
    const projections = unitRows(this.#encoder.run(() => this.#net.head.forward(both)));
    const [first, second] = ops.chunk(projections, 2, 0);
    const loss = ntXentLoss(first, second, { ...this.#options, ...this.#gathered(first, second) });
    const metrics = () => ({
      loss: loss.detach(),
      ...featureStatistics(views.select(1, 0), { projections: first }),
    });
    return { loss, metrics, next: null };
  }

  #gathered(first: Tensor, second: Tensor) {
    if (this.#ranks.worldSize === 1) return {};
    const gather = (projections: Tensor) => this.#ranks.allGatherWithGrad(projections, 'features');
    const offset = this.#ranks.rank * first.shape[0];
    return { gathered: { first: gather(first), second: gather(second), offset } };
  }

  commit(): void {}

  dispose(): void {
    this.#net.dispose();
    this.#encoder.dispose();
  }
}

/** SimCLR has no recipe for ViTs of its own: AdamW, warm-up and decay are MoCo v3's, whose paper trains both alike. */
export const simclr = defineMethod({
  name: 'simclr',
  options,
  needs: { tokens: false },
  views: ({ options, imageSize, data }) => asConfigured(simclrRecipes(imageSize), data, options.augmentation),
  cost({ model, compression }) {
    const { imageSize, patchSize } = vitOf(model, 'simclr');
    const length = sequenceLength(imageSize, compression);
    return simclrCost({ query: length, key: length, base: sequenceLength(imageSize, { patchSize }) });
  },
  defaults: {
    data: { crop: { scale: [0.08, 1], interpolation: 'bicubic' }, flip: true, ...IMAGENET_PIXELS },
    optimizer: { ...ADAMW, peakLr: 1.5e-4, weightDecay: 0.1 },
    schedule: { warmup: { share: 40 / 300 } },
  },
  create: (context) => new SimClr(context),
});

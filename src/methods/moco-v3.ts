// b samples of this rank, V views, D width of the backbone, E of the embedding.
import { z } from 'zod';
import { mocoV3Cost, sequenceLength } from '../compress/index.ts';
import { queryKeyLoss } from '../losses/info-nce.ts';
import { MOCO_V3_VIT, type VitSpec } from '../models/vit.ts';
import { mocoPredictor, mocoProjector } from '../nn/heads.ts';
import { Init } from '../nn/init.ts';
import type { MlpHead } from '../nn/mlp-head.ts';
import { Module, type NamedParams } from '../nn/module.ts';
import { unitRows } from '../nn/unit-rows.ts';
import type { Ranks } from '../ranks/index.ts';
import type { StepContext } from '../time/clock.ts';
import { cosine, type Schedule } from '../time/schedules.ts';
import { full, noGrad, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { mocoV3Recipes } from '../views/recipes.ts';
import { type Batch, defineMethod, type Features, type Method, type MethodContext } from './method.ts';
import { BackboneWithHead, learnedParameters, ViewEncoder, vitOf } from './shared/backbone.ts';
import { featureStatistics } from './shared/feature-statistics.ts';
import { follow, startAsCopy } from './shared/momentum-encoder.ts';
import { ADAMW, asConfigured, augmentation, IMAGENET_PIXELS } from './shared/ssl-defaults.ts';

const width = z.int().min(1);

const options = z.strictObject({
  name: z.literal('moco-v3'),
  symmetric: z
    .boolean()
    .default(true)
    .describe('both views are queries, as published; false: the first alone, at half the cost'),
  temperature: z.number().positive().default(0.2).describe('divides the cosines of queries and keys'),
  emaMomentum: z
    .number()
    .min(0)
    .max(1)
    .default(0.99)
    .describe('share that the momentum encoder keeps of itself at first; it rises to 1 along half a cosine'),
  heads: z
    .strictObject({
      hidden: width.default(4096).describe('width of the hidden layers of projector and predictor'),
      embedDim: width.default(256).describe('width of queries and keys'),
    })
    .prefault({})
    .describe('projector and predictor, which only training has'),
  frozenPatches: z
    .boolean()
    .default(true)
    .describe('the patch projection stays random, which keeps training of ViTs stable'),
  augmentation,
});
type Options = z.output<typeof options>;

type Encoder = BackboneWithHead<MlpHead>;

/** Base encoder, predictor and momentum encoder, by their checkpoint names. */
class MocoNets extends Module {
  readonly base: Encoder;
  readonly predictor: MlpHead;
  readonly momentum: Encoder;

  constructor(init: Init, spec: VitSpec, { options, ranks }: MethodContext<Options>) {
    super();
    const widths = { width: spec.width, ...options.heads };
    const style = { ...MOCO_V3_VIT, frozenPatches: options.frozenPatches };
    const make = (drawn: Init) => mocoProjector(drawn, widths, { ranks });
    const encoder = () => new BackboneWithHead(init, { spec, style, head: { prefix: 'projector.', make } });
    this.base = this.child('', encoder());
    this.predictor = this.child('predictor.', mocoPredictor(init, widths, { ranks }));
    this.momentum = this.child('momentum_encoder.', encoder());
    startAsCopy(this.momentum, this.base);
  }
}

/**
 * MoCo v3 (Chen et al. 2021): the query of one view finds the key of the other view of its picture among the keys of the batch.
 * Keys come from the momentum encoder, a copy that follows the base encoder.
 */
class MocoV3 implements Method<null> {
  readonly model: NamedParams;
  readonly params: NamedParams;
  readonly state = new Map();
  readonly #options: Options;
  readonly #ranks: Ranks;
  readonly #encoder: ViewEncoder;
  readonly #nets: MocoNets;
  readonly #emaMomentum: Schedule;

  constructor(context: MethodContext<Options>) {
    const spec = vitOf(context.model, 'moco-v3');
    this.#options = context.options;
    this.#ranks = context.ranks;
    this.#encoder = new ViewEncoder(context);
    this.#nets = new MocoNets(new Init({ ...context, dtype: this.#encoder.dtype }), spec, context);
    this.#emaMomentum = cosine(context.options.emaMomentum, 1);
    this.model = this.#nets.namedTensors();
    this.params = learnedParameters(this.#nets);
  }

  encodeImages = (images: Tensor) => this.#encoder.encode(this.#nets.base.backbone, images);

  /** The published run decays all parameters, biases and norms too. */
  decays = () => true;

  /** Tokens are dropped from queries alone: keys keep all they know. Patches are scaled for both. [b, V, D] each. */
  features(batch: Batch, clock: StepContext): Features {
    const { base, momentum } = this.#nets;
    const { symmetric } = this.#options;
    const asked = symmetric ? [0, 1] : [0];
    const answering = symmetric ? [0, 1] : [1];
    const pass = { scalePatches: true, clock };
    return {
      queries: this.#encoder.features(base.backbone, batch, { ...pass, views: asked, dropTokens: true }),
      keys: noGrad(() =>
        this.#encoder.features(momentum.backbone, batch, { ...pass, views: answering, dropTokens: false }),
      ),
    };
  }

  lossKey = () => '';

  /** The heads are part of the loss: their batch norms see all samples of a view at once, whatever the parts of the batch. */
  loss(features: Features, _ids: Tensor, clock: StepContext) {
    const { base, predictor, momentum } = this.#nets;
    const queries = this.#embed(features.queries, (views) => predictor.forward(base.head.forward(views)));
    const keys = noGrad(() => this.#embed(features.keys, (views) => momentum.head.forward(views)));
    const loss = this.#contrast(queries, keys);
    const metrics = () => ({
      loss: loss.detach(),
      ema_momentum: full([], this.#emaMomentum(clock.progress), { device: loss.device }),
      ...featureStatistics(features.queries.select(1, 0), { projections: queries.select(1, 0) }),
    });
    return { loss, metrics, next: null };
  }

  /** Views [b, V, D] through a head, in which each is a batch of its own: rows of unit length [b, V, E]. */
  #embed(views: Tensor, head: (views: Tensor) => Tensor): Tensor {
    return unitRows(this.#encoder.run(() => head(views)));
  }

  /** Queries of each view against keys of the other, where both are queries; the two losses add up. */
  #contrast(queries: Tensor, keys: Tensor): Tensor {
    const others = this.#options.symmetric ? ops.flip(keys, [1]) : keys; // [b, V, E]
    const all = this.#ranks.allGather(others, 'features'); // [B, V, E]
    const byView = (rows: Tensor) => rows.transpose(0, 1); // [V, b, E]
    return queryKeyLoss(byView(queries), byView(others), {
      temperature: this.#options.temperature,
      gathered: { keys: byView(all), offset: this.#ranks.rank * keys.shape[0] },
    });
  }

  commit(_next: null, clock: StepContext): void {
    const { base, momentum } = this.#nets;
    follow(momentum, base, { emaMomentum: this.#emaMomentum(clock.progress) });
  }

  dispose(): void {
    this.#nets.dispose();
    this.#encoder.dispose();
  }
}

export const mocoV3 = defineMethod({
  name: 'moco-v3',
  options,
  needs: { tokens: false },
  views: ({ options, imageSize, data }) => asConfigured(mocoV3Recipes(imageSize), data, options.augmentation),
  cost({ options: { symmetric }, model, compression }) {
    const { imageSize, patchSize } = vitOf(model, 'moco-v3');
    const lengths = {
      query: sequenceLength(imageSize, compression),
      key: sequenceLength(imageSize, { patchSize: compression.patchSize }),
      base: sequenceLength(imageSize, { patchSize }),
    };
    return mocoV3Cost(lengths, { symmetric });
  },
  defaults: {
    data: { crop: { scale: [0.08, 1], interpolation: 'bilinear' }, flip: true, ...IMAGENET_PIXELS },
    optimizer: { ...ADAMW, peakLr: 1.5e-4, weightDecay: 0.1 },
    schedule: { warmup: { share: 40 / 300 } },
  },
  create: (context) => new MocoV3(context),
});

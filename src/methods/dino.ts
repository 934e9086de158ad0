// b samples of this rank, V views, D width of the backbone, K outputs.
import { CoupletError } from '../errors.ts';
import { dinoLoss, nextCenter, teacherDistribution } from '../losses/dino.ts';
import { DINO_VIT } from '../models/vit.ts';
import { DinoHead } from '../nn/heads.ts';
import type { StepContext } from '../time/clock.ts';
import { full, noGrad, type Tensor, zeros } from '../torch/index.ts';
import { dinoRecipes } from '../views/recipes.ts';
import { type DinoOptions, dinoOptions, localSize } from './dino-options.ts';
import { defineMethod, type Features, type MethodContext, type ViewContext } from './method.ts';
import { vitOf } from './shared/backbone.ts';
import { featureStatistics } from './shared/feature-statistics.ts';
import { PairMethod } from './shared/net-pair.ts';
import { ADAMW, asConfigured, IMAGENET_PIXELS } from './shared/ssl-defaults.ts';

/** Views that the teacher sees too. */
const GLOBALS = [0, 1];
const NEVER: ReadonlySet<string> = new Set();
/** Fewest steps of a run, in multiples of 1 / (1 - emaMomentum) (docs/log.md). */
const MIN_RENEWALS = 10;

/** DINO (Caron et al. 2021). Centring and sharpening of the teacher's outputs prevent collapse. */
class Dino extends PairMethod<DinoOptions, DinoHead, undefined, Tensor> {
  readonly #center: Tensor; // [K]
  readonly #lastLayer: ReadonlySet<string>;

  constructor(context: MethodContext<DinoOptions>) {
    const { options, device } = context;
    checkLocalCrops(context);
    super(context, {
      style: DINO_VIT,
      headPrefix: 'head.',
      makeHead: (init, width) => new DinoHead(init, { width, ...options.head }),
      followerPrefix: 'teacher.',
    });
    this.#center = zeros([options.head.outputs], { device, dtype: this.encoder.dtype }).persist();
    this.state.set('center', this.#center);
    const names = [...this.params.keys()];
    this.#lastLayer = new Set(names.filter((name) => name.startsWith('head.last_layer.')));
  }

  /** The teacher is better than the student during training (Caron et al. 2021, section 5.1). */
  override encodeImages = (images: Tensor) => this.encoder.encode(this.nets.follower.backbone, images);
  override encodePatches = (images: Tensor) =>
    this.encoder.encodePatches(this.nets.follower.backbone, images);

  advice(totalSteps: number): string | undefined {
    const { emaMomentum } = this.options;
    const renewals = (1 - emaMomentum) * totalSteps;
    if (!(renewals < MIN_RENEWALS)) return undefined; // also when totalSteps is NaN
    return `in ${Math.round(totalSteps)} steps a teacher that keeps ${emaMomentum} of itself hardly changes: train for longer, or lower method.emaMomentum; 0.98 suits 1200 steps`;
  }

  /** As released, class token and positions decay too. */
  decays = (_name: string, tensor: Tensor) => tensor.dim >= 2;

  frozen = ({ epoch }: StepContext) => (epoch < this.options.freezeLastLayerEpochs ? this.#lastLayer : NEVER);

  override lossKey(context: StepContext): string {
    return String(this.#teacherTemperature(context));
  }

  loss(features: Features, _ids: Tensor, context: StepContext) {
    const { leader, follower } = this.nets;
    const outputs = this.#outputs(leader.head, features.student);
    const targets = noGrad(() => this.#outputs(follower.head, features.teacher));
    const teacherTemperature = this.#teacherTemperature(context);
    const { studentTemperature, centerMomentum } = this.options;
    const center = this.#center;
    const loss = dinoLoss(outputs, targets, { center, studentTemperature, teacherTemperature });
    const metrics = () => ({
      ...this.metricsOf(loss, context),
      teacher_temperature: full([], teacherTemperature, { device: loss.device }),
      ...this.#statistics(features, targets, teacherTemperature),
    });
    const next = noGrad(() => {
      const mean = this.ranks.allReduceMean(targets.mean([0, 1]), 'center');
      return nextCenter(center, mean, centerMomentum);
    });
    return { loss, metrics, next };
  }

  /** [b, V, D] -> outputs [V, b, K]. */
  #outputs(head: DinoHead, views: Tensor): Tensor {
    return this.encoder.run(() => head.forward(views.transpose(0, 1))).to(this.encoder.dtype);
  }

  /** Of the teacher's first view. */
  #statistics({ teacher }: Features, outputs: Tensor, teacherTemperature: number): Record<string, Tensor> {
    const projections = outputs.select(0, 0);
    const targets = teacherDistribution(projections, { center: this.#center, teacherTemperature });
    return featureStatistics(teacher.select(1, 0), { projections, targets });
  }

  /** @equation FastCL 7.3: tau_t rises linearly over its warm-up */
  #teacherTemperature({ progress }: StepContext): number {
    const { start, end, warmup } = this.options.teacherTemperature;
    return progress < warmup ? start + (end - start) * (progress / warmup) : end;
  }

  override commit(next: Tensor, context: StepContext): void {
    super.commit(next, context);
    noGrad(() => this.#center.copy_(next)); // in place, where a captured loss reads it
  }

  override dispose(): void {
    super.dispose();
    this.#center.dispose();
  }
}

function checkLocalCrops({ options, model }: MethodContext<DinoOptions>): void {
  const { imageSize, patchSize } = vitOf(model, options.name);
  const size = localSize(options, imageSize);
  if (options.localCrops.count === 0 || size % patchSize === 0) return;
  throw new CoupletError(
    `method.localCrops.size is ${size}, which patches of ${patchSize} pixels do not fill: use a multiple of ${patchSize}, or count: 0.`,
  );
}

function viewsOf({ options, imageSize, data }: ViewContext<DinoOptions>) {
  const { localCrops, augmentation } = options;
  const [one, two, ...locals] = dinoRecipes({
    globalSize: imageSize,
    localSize: localSize(options, imageSize),
    localCrops: localCrops.count,
    localScale: localCrops.scale,
  });
  const local = { ...data, crop: { ...data.crop, scale: localCrops.scale } };
  return [...asConfigured([one, two], data, augmentation), ...asConfigured(locals, local, augmentation)];
}

export const dino = defineMethod({
  name: 'dino',
  options: dinoOptions,
  needs: { tokens: false },
  averages: 'teacher',
  views: viewsOf,
  /**
   * FastCL 1.2: local crops are never compressed.
   * @equation FastCL 1.2: DINO: d shortens the student's global views, q those of both nets, nothing the local crops
   */
  passes({ options, imageSize }) {
    const { dropPath, localCrops } = options;
    const globals = { views: GLOBALS, scalePatches: true };
    const locals = Array.from({ length: localCrops.count }, (_, i) => GLOBALS.length + i);
    const local = { views: locals, scalePatches: false, imageSize: localSize(options, imageSize) };
    return [
      { features: 'student', trained: true, ...globals, dropTokens: true, dropPath },
      { features: 'teacher', trained: false, ...globals, dropTokens: false },
      ...(locals.length > 0
        ? [{ features: 'student', trained: true, ...local, dropTokens: false, dropPath }]
        : []),
    ];
  },
  defaults: {
    data: { crop: { scale: [0.4, 1], interpolation: 'bicubic' }, flip: true, ...IMAGENET_PIXELS },
    optimizer: { ...ADAMW, peakLr: 5e-4, weightDecay: 0.04, clipEachGradNorm: 3 },
    schedule: { warmup: { share: 0.1 }, finalLr: 1e-6, finalWeightDecay: 0.4 },
  },
  create: (context) => new Dino(context),
});

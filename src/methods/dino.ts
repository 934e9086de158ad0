// b samples of this rank, V views, G = 2 global ones, D width of the backbone, K outputs.
import { dinoCost, sequenceLength } from '../compress/index.ts';
import { CoupletError } from '../errors.ts';
import { dinoLoss, nextCenter, teacherDistribution } from '../losses/dino.ts';
import { DINO_VIT, type VitSpec } from '../models/vit.ts';
import { DinoHead } from '../nn/heads.ts';
import { Init } from '../nn/init.ts';
import { Module, type NamedParams } from '../nn/module.ts';
import type { Ranks } from '../ranks/index.ts';
import type { StepContext } from '../time/clock.ts';
import { cosine, type Schedule } from '../time/schedules.ts';
import { full, noGrad, type Tensor, zeros } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { dinoRecipes } from '../views/recipes.ts';
import { type DinoOptions, dinoOptions, localSize } from './dino-options.ts';
import {
  type Batch,
  defineMethod,
  type Features,
  type Method,
  type MethodContext,
  type MethodState,
} from './method.ts';
import { BackboneWithHead, learnedParameters, ViewEncoder, vitOf } from './shared/backbone.ts';
import { featureStatistics } from './shared/feature-statistics.ts';
import { follow, startAsCopy } from './shared/momentum-encoder.ts';
import { ADAMW, asConfigured, IMAGENET_PIXELS } from './shared/ssl-defaults.ts';

/** Views that the teacher sees too; they come first in a batch. */
const GLOBALS = [0, 1];
const NEVER: ReadonlySet<string> = new Set();
/** How many times over the teacher must be able to take the student's place in a run, at the pace of its start, (1 - emaMomentum) a step. */
const LEAST_RENEWALS = 10;

/** Student and teacher, by their checkpoint names. */
class DinoNets extends Module {
  readonly student: BackboneWithHead<DinoHead>;
  readonly teacher: BackboneWithHead<DinoHead>;

  constructor(init: Init, spec: VitSpec, { head: options }: DinoOptions) {
    super();
    const make = (drawn: Init) => new DinoHead(drawn, { width: spec.width, ...options });
    const net = () => new BackboneWithHead(init, { spec, style: DINO_VIT, head: { prefix: 'head.', make } });
    this.student = this.child('', net());
    this.teacher = this.child('teacher.', net());
    startAsCopy(this.teacher, this.student);
  }
}

/**
 * DINO (Caron et al. 2021): the student's distribution of each view is to match the teacher's of each other global view. The teacher
 * follows the student; centring and sharpening of its outputs keep both from saying the same of all pictures.
 */
class Dino implements Method<Tensor> {
  readonly model: NamedParams;
  readonly params: NamedParams;
  readonly state: MethodState;
  readonly #options: DinoOptions;
  readonly #ranks: Ranks;
  readonly #encoder: ViewEncoder;
  readonly #nets: DinoNets;
  readonly #center: Tensor; // [K]
  readonly #lastLayer: ReadonlySet<string>;
  readonly #emaMomentum: Schedule;

  constructor(context: MethodContext<DinoOptions>) {
    const { options, device } = context;
    const spec = vitOf(context.model, 'dino');
    checkLocalCrops(options, spec);
    this.#options = options;
    this.#ranks = context.ranks;
    this.#encoder = new ViewEncoder(context);
    const { dtype } = this.#encoder;
    this.#nets = new DinoNets(new Init({ ...context, dtype }), spec, options);
    this.#center = zeros([options.head.outputs], { device, dtype }).persist();
    this.#emaMomentum = cosine(options.emaMomentum, 1);
    this.model = this.#nets.namedTensors();
    this.params = learnedParameters(this.#nets);
    this.state = new Map([['center', this.#center]]);
    const names = [...this.params.keys()];
    this.#lastLayer = new Set(names.filter((name) => name.startsWith('head.last_layer.')));
  }

  /** The teacher is the better of the two while training (section 5.1). */
  encodeImages = (images: Tensor) => this.#encoder.encode(this.#nets.teacher.backbone, images);

  /** By how many times the teacher could be renewed: at 5 times DINO had learned much less than at 24 (docs/log.md). */
  advice(totalSteps: number): string | undefined {
    const { emaMomentum } = this.#options;
    const renewals = (1 - emaMomentum) * totalSteps;
    if (!(renewals < LEAST_RENEWALS)) return undefined; // nobody may know how many steps
    return `in ${Math.round(totalSteps)} steps a teacher that keeps ${emaMomentum} of itself hardly moves: train for longer, or lower method.emaMomentum; in 1200 steps 0.98 learned sooner than 0.996`;
  }

  /** All but biases and gains, the class token and positions too, as released. */
  decays = (_name: string, tensor: Tensor) => tensor.dim >= 2;

  frozen = ({ epoch }: StepContext) =>
    epoch < this.#options.freezeLastLayerEpochs ? this.#lastLayer : NEVER;

  /**
   * Tokens are dropped from the student's global views alone; patches are scaled for the global views of both; local crops are as ever.
   * `student` [b, V, D], `teacher` [b, 2, D].
   */
  features(batch: Batch, clock: StepContext): Features {
    const { student, teacher } = this.#nets;
    const { dropPath, localCrops } = this.#options;
    const locals = Array.from({ length: localCrops.count }, (_, i) => GLOBALS.length + i);
    const globals = { views: GLOBALS, scalePatches: true, clock };
    const trained = this.#encoder.features(student.backbone, batch, {
      ...globals,
      dropTokens: true,
      dropPath,
    });
    const target = noGrad(() =>
      this.#encoder.features(teacher.backbone, batch, { ...globals, dropTokens: false }),
    );
    if (locals.length === 0) return { student: trained, teacher: target };
    const whole = { views: locals, scalePatches: false, dropTokens: false, dropPath, clock };
    const small = this.#encoder.features(student.backbone, batch, whole);
    return { student: ops.cat([trained, small], 1), teacher: target };
  }

  lossKey = (clock: StepContext) => String(this.#teacherTemperature(clock));

  loss(features: Features, _ids: Tensor, clock: StepContext) {
    const { student, teacher } = this.#nets;
    const outputs = this.#outputs(student.head, features.student);
    const targets = noGrad(() => this.#outputs(teacher.head, features.teacher));
    const teacherTemperature = this.#teacherTemperature(clock);
    const { studentTemperature, centerMomentum } = this.#options;
    const temperatures = { studentTemperature, teacherTemperature };
    const loss = dinoLoss(outputs, targets, { center: this.#center, ...temperatures });
    return noGrad(() => {
      const mean = this.#ranks.allReduceMean(targets.mean([0, 1]), 'center');
      const scalar = (value: number) => full([], value, { device: loss.device });
      const metrics = () => ({
        loss: loss.detach(),
        ema_momentum: scalar(this.#emaMomentum(clock.progress)),
        teacher_temperature: scalar(teacherTemperature),
        ...this.#statistics(features, targets, teacherTemperature),
      });
      return { loss, metrics, next: nextCenter(this.#center, mean, centerMomentum) };
    });
  }

  /** [b, V, D] -> the head's outputs, views first: [V, b, K], in float32. */
  #outputs(head: DinoHead, views: Tensor): Tensor {
    return this.#encoder.run(() => head.forward(views.transpose(0, 1))).to(this.#encoder.dtype);
  }

  /** Statistics of the first global view as the teacher sees it. */
  #statistics({ teacher }: Features, outputs: Tensor, teacherTemperature: number): Record<string, Tensor> {
    const projections = outputs.select(0, 0);
    const targets = teacherDistribution(projections, { center: this.#center, teacherTemperature });
    return featureStatistics(teacher.select(1, 0), { projections, targets });
  }

  #teacherTemperature({ progress }: StepContext): number {
    const { start, end, warmup } = this.#options.teacherTemperature;
    return progress < warmup ? start + (end - start) * (progress / warmup) : end;
  }

  commit(next: Tensor, clock: StepContext): void {
    const { student, teacher } = this.#nets;
    follow(teacher, student, { emaMomentum: this.#emaMomentum(clock.progress) });
    noGrad(() => this.#center.copy_(next)); // in place: a recorded loss reads it there
  }

  dispose(): void {
    this.#nets.dispose();
    this.#encoder.dispose();
    this.#center.dispose();
  }
}

function checkLocalCrops(options: DinoOptions, { imageSize, patchSize }: VitSpec): void {
  const size = localSize(options, imageSize);
  if (options.localCrops.count === 0 || size % patchSize === 0) return;
  throw new CoupletError(
    `method.localCrops.size is ${size}, which patches of ${patchSize} pixels do not fill: use a multiple of ${patchSize}, or count: 0.`,
  );
}

export const dino = defineMethod({
  name: 'dino',
  options: dinoOptions,
  needs: { tokens: false },
  views({ options, imageSize, data }) {
    const [one, two, ...locals] = dinoRecipes({
      globalSize: imageSize,
      localSize: localSize(options, imageSize),
      localCrops: options.localCrops.count,
      localScale: options.localCrops.scale,
    });
    const local = { ...data, crop: { ...data.crop, scale: options.localCrops.scale } };
    return [
      ...asConfigured([one, two], data, options.augmentation),
      ...asConfigured(locals, local, options.augmentation),
    ];
  },
  /** Both global views go through both nets, as in the released code. */
  cost({ options, model, compression }) {
    const { imageSize, patchSize } = vitOf(model, 'dino');
    const lengths = {
      query: sequenceLength(imageSize, compression),
      key: sequenceLength(imageSize, { patchSize: compression.patchSize }),
      local: sequenceLength(localSize(options, imageSize), { patchSize }),
      localCrops: options.localCrops.count,
      base: sequenceLength(imageSize, { patchSize }),
    };
    return dinoCost(lengths, { globalCrops: 2 });
  },
  defaults: {
    data: { crop: { scale: [0.4, 1], interpolation: 'bicubic' }, flip: true, ...IMAGENET_PIXELS },
    optimizer: { ...ADAMW, peakLr: 5e-4, weightDecay: 0.04, clipEachGradNorm: 3 },
    schedule: { warmup: { share: 0.1 }, finalLr: 1e-6, finalWeightDecay: 0.4 },
  },
  create: (context) => new Dino(context),
});

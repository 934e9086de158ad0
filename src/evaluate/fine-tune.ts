// B pictures of a step, S side, E embedding, C classes.
import { createLoader, type Dataset, type HostBatch, type LoaderOptions } from '../data/index.ts';
import { CoupletError } from '../errors.ts';
import { imagesToDevice } from '../feed/upload.ts';
import type { Method } from '../methods/index.ts';
import { BatchStatistics } from '../nn/batch-norm.ts';
import { Init } from '../nn/init.ts';
import type { NamedParams } from '../nn/module.ts';
import { AdamW, decayGroups } from '../optim/index.ts';
import { cosine, withWarmup } from '../time/schedules.ts';
import { backward, gradients, noGrad, scope, type Tensor, zeros } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { type Accuracy, accuracy } from './accuracy.ts';
import { type Encoder, encodeDataset, labelTensor } from './features.ts';
import type { LabelledPair } from './labelled.ts';

export interface FineTuneOptions {
  epochs: number;
  globalBatchSize: number;
  /** At the end of the warm-up; default DeiT's, 5e-4 times globalBatchSize / 512. */
  peakLr?: number;
  weightDecay: number;
  /** Share of the steps in which the learning rate rises. */
  warmup: number;
  labelSmoothing: number;
  /** What a training picture is cut to. */
  crop: { scale: [number, number]; ratio: [number, number]; flip: boolean };
  /** Of the head, the order and the crops. */
  seed: number;
  /** Called after each epoch with the mean loss of its last step. */
  onEpoch?: (epoch: number, loss: number) => void;
}

/** DeiT's settings (Touvron et al. 2021, table 9) but for mixing pictures, RandAugment and stochastic depth, which are not here. */
const FINE_TUNE: FineTuneOptions = {
  epochs: 20,
  globalBatchSize: 256,
  weightDecay: 0.05,
  warmup: 0.05,
  labelSmoothing: 0.1,
  crop: { scale: [0.08, 1], ratio: [3 / 4, 4 / 3], flip: true },
  seed: 0,
};

const ADAM = { beta1: 0.9, beta2: 0.999, eps: 1e-8 };

export interface FineTuneReport extends Accuracy {
  pictures: number;
  classes: number;
  epochs: number;
}

/**
 * Accuracy after training encoder and a linear head end to end on labelled pictures: AdamW, warm-up and cosine, label
 * smoothing, random crops. The head reads the encoder's rows, brought to the length sqrt(E) that a layer norm gives.
 * This moves the weights of `encoder.method`: what is evaluated after it is the fine-tuned model.
 */
export async function fineTune(
  { train, test, classes }: LabelledPair,
  encoder: Encoder,
  options: Partial<FineTuneOptions> = {},
): Promise<FineTuneReport> {
  const all = { ...FINE_TUNE, ...options };
  const globalBatchSize = Math.min(all.globalBatchSize, train.size);
  const tuned = new Tuned(encoder, { ...all, globalBatchSize, classes });
  try {
    await trainAll(tuned, train, { ...all, globalBatchSize });
    return { ...(await measure(tuned, test)), classes, epochs: all.epochs };
  } finally {
    tuned.dispose();
  }
}

async function trainAll(tuned: Tuned, train: Dataset, options: FineTuneOptions): Promise<void> {
  const { epochs, globalBatchSize, onEpoch } = options;
  const perEpoch = Math.ceil(train.size / globalBatchSize);
  const lr = rateOf(options, epochs * perEpoch);
  const loader = createLoader(train, loaderOptions(tuned.encoder, options));
  try {
    for (let step = 0; step < epochs * perEpoch; step++) {
      const batch = await loader.next();
      const last = (step + 1) % perEpoch === 0;
      const loss = tuned.step(batch, { lr: lr(step), wanted: last });
      batch.release();
      if (loss !== undefined) onEpoch?.((step + 1) / perEpoch, loss);
    }
  } finally {
    await loader.close();
  }
}

/** The learning rate of each step. */
function rateOf(
  { peakLr, globalBatchSize, warmup }: FineTuneOptions,
  total: number,
): (step: number) => number {
  const peak = peakLr ?? (5e-4 * globalBatchSize) / 512;
  const rate = withWarmup(cosine(peak, 0), { peak, warmup, tick: 1 / total });
  return (step) => rate(step / total);
}

function loaderOptions(
  { imageSize, workers, maxBadShare }: Encoder,
  { globalBatchSize, crop: { scale, ratio, flip }, seed }: FineTuneOptions,
): LoaderOptions {
  return {
    globalBatchSize,
    views: [{ size: imageSize, crop: { scale, ratio }, flip: flip ? 0.5 : 0 }],
    captions: false,
    seed,
    workers,
    ...(maxBadShare !== undefined && { maxBadShare }),
    prefetchBatches: 4,
  };
}

/** The head's accuracy on centre crops. */
async function measure(tuned: Tuned, test: Dataset): Promise<Accuracy & { pictures: number }> {
  const { images, labels } = await encodeDataset(test, tuned.encoder, { texts: false });
  try {
    return scope(() => {
      const found = noGrad(() => accuracy(tuned.logits(images), labelTensor(labels, images.device)));
      return { pictures: labels.length, ...found };
    });
  } finally {
    images.dispose();
  }
}

/** An encoder with a linear head, in training. */
class Tuned {
  readonly encoder: Encoder;
  readonly #options: FineTuneOptions;
  readonly #weight: Tensor; // [C, E]
  readonly #bias: Tensor; // [C]
  readonly #optimizer: AdamW;
  /** Tensors that do not learn in the method's own training, and do here. */
  readonly #woken: Tensor[];

  constructor(encoder: Encoder, options: FineTuneOptions & { classes: number }) {
    const { method, device } = encoder;
    const { params, width, woken } = learnable(encoder);
    const init = new Init({ seed: options.seed, device });
    this.encoder = encoder;
    this.#options = options;
    this.#woken = woken;
    this.#weight = init.normal([options.classes, width], 0.01).persist().requireGrad();
    this.#bias = init.zeros([options.classes]).persist().requireGrad();
    const head = decayGroups(
      new Map([
        ['head.weight', this.#weight],
        ['head.bias', this.#bias],
      ]),
      options.weightDecay,
    );
    const groups = [...decayGroups(params, options.weightDecay, method.decays), ...head];
    this.#optimizer = new AdamW(groups, ADAM);
  }

  /** Rows of unit length [B, E] -> [B, C]. */
  logits(features: Tensor): Tensor {
    return ops.linear(features.mul(Math.sqrt(features.shape[1])), this.#weight, this.#bias);
  }

  /** One update; the loss where it is wanted, since reading it waits for the device. */
  step(batch: HostBatch, { lr, wanted }: { lr: number; wanted: boolean }): number | undefined {
    const { method, device } = this.encoder;
    return scope(() => {
      const statistics = new BatchStatistics();
      const images = imagesToDevice(batch, device);
      const logits = statistics.during(() => this.logits(method.encodeImages(images)));
      const labels = labelTensor(batch.labels, device);
      const loss = ops.cross_entropy_loss(logits, labels, null, 1, -100, this.#options.labelSmoothing);
      backward(loss);
      this.#optimizer.step({ lr });
      statistics.commit();
      return wanted ? loss.item() : undefined;
    });
  }

  dispose(): void {
    for (const tensor of this.#woken) tensor.requireGrad(false);
    for (const tensor of [this.#weight, this.#bias]) tensor.dispose();
    this.#optimizer.dispose();
  }
}

/**
 * The tensors that encodeImages() reads and that learn: parameters, and of a momentum encoder or a teacher the copies of
 * parameters, which have their names behind a prefix. Found by asking for gradients, so that no method has to say it.
 */
function learnable({ method, device, imageSize }: Encoder): {
  params: NamedParams;
  width: number;
  woken: Tensor[];
} {
  const named = candidates(method);
  const woken = named.filter(([, tensor]) => !tensor.requiresGrad).map(([, tensor]) => tensor.requireGrad());
  const { read, width } = scope(() => {
    const images = zeros([1, imageSize, imageSize, 3], { dtype: 'uint8', device });
    const features = method.encodeImages(images);
    const tensors = named.map(([, tensor]) => tensor);
    const found = features.requiresGrad ? gradients([features.sum()], tensors) : [];
    return { read: found.map((gradient) => gradient !== null), width: features.shape[1] };
  });
  const params = new Map(named.filter((_, i) => read[i]));
  if (params.size > 0) return { params, width, woken };
  for (const tensor of woken) tensor.requireGrad(false);
  throw new CoupletError(
    'This method cannot be fine-tuned: its encodeImages() records no gradient for the weights that it reads.',
  );
}

function candidates({ model, params }: Method): [string, Tensor][] {
  const learnt = [...params.keys()];
  const isCopy = (name: string) => learnt.some((param) => name.endsWith(`.${param}`));
  return [...model].filter(([name]) => params.has(name) || isCopy(name));
}

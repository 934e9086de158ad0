// B pictures of a step, S side, E embedding, C classes.
import {
  createLoader,
  type Dataset,
  type HostBatch,
  type LoaderOptions,
  type Problems,
} from '../data/index.ts';
import { CoupletError } from '../errors.ts';
import { imagesToDevice } from '../feed/upload.ts';
import type { Method } from '../methods/index.ts';
import { BatchStatistics } from '../nn/batch-norm.ts';
import { weightNotFinite } from '../nn/finite.ts';
import { Init } from '../nn/init.ts';
import type { NamedParams } from '../nn/module.ts';
import { AdamW, decayGroups } from '../optim/index.ts';
import { cosine, withWarmup } from '../time/schedules.ts';
import { backward, gradients, noGrad, scope, type Tensor, zeros } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { type Accuracy, accuracy } from './accuracy.ts';
import { type Encoder, encodeDataset, labelTensor } from './features.ts';
import type { LabelledPair } from './labelled.ts';
import type { Remarks } from './remarks.ts';

export interface FineTuneOptions {
  epochs: number;
  globalBatchSize: number;
  /** Default DeiT's: 5e-4 globalBatchSize / 512. */
  peakLr?: number;
  weightDecay: number;
  /** Share of the steps in which the learning rate rises. */
  warmup: number;
  labelSmoothing: number;
  crop: { scale: [number, number]; ratio: [number, number]; flip: boolean };
  /** Of the head's weights, the order and the crops. */
  seed: number;
  /** Gets what the accuracy leaves out. */
  remarks?: Remarks;
  /** Gets the loss of the epoch's last step. */
  onEpoch?: (epoch: number, loss: number) => void;
}

/** DeiT's (Touvron et al. 2021, table 9), without picture mixing, RandAugment and stochastic depth. */
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
 * Accuracy after training encoder and a linear head end to end: AdamW, warm-up and cosine, label smoothing, random crops.
 * Features have the length sqrt(E), as after a layer norm. Changes the weights of `encoder.method`. Throws a CoupletError for weights
 * that are not finite, before training or after it.
 */
export async function fineTune(
  { train, test, classes, names }: LabelledPair,
  encoder: Encoder,
  options: Partial<FineTuneOptions> = {},
): Promise<FineTuneReport> {
  const all = { ...FINE_TUNE, ...options };
  const globalBatchSize = Math.min(all.globalBatchSize, train.size);
  const classifier = new Classifier(encoder, { ...all, globalBatchSize, classes });
  try {
    checkFinite(classifier, 'the checkpoint is damaged, or its training diverged');
    await trainAll(classifier, train, { ...all, globalBatchSize });
    checkFinite(classifier, 'fine-tuning diverged. Lower peakLr');
    const { problems, ...reached } = await measure(classifier, test);
    all.remarks?.lost(names.test, test, problems);
    return { ...reached, classes, epochs: all.epochs };
  } finally {
    classifier.dispose();
  }
}

function checkFinite({ params }: Classifier, cause: string): void {
  const bad = weightNotFinite(params);
  if (bad !== undefined) throw new CoupletError(`fine-tuning: ${bad}; ${cause}.`);
}

async function trainAll(classifier: Classifier, train: Dataset, options: FineTuneOptions): Promise<void> {
  const { epochs, globalBatchSize, onEpoch } = options;
  const perEpoch = Math.ceil(train.size / globalBatchSize);
  const lr = rateOf(options, epochs * perEpoch);
  const loader = createLoader(train, loaderOptions(classifier.encoder, options));
  try {
    for (let step = 0; step < epochs * perEpoch; step++) {
      const batch = await loader.next();
      const isLast = (step + 1) % perEpoch === 0;
      const loss = classifier.step(batch, { lr: lr(step), readLoss: isLast });
      batch.release();
      if (loss !== undefined) onEpoch?.((step + 1) / perEpoch, loss);
    }
  } finally {
    await loader.close();
  }
}

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

/** On centre crops. */
async function measure(
  classifier: Classifier,
  test: Dataset,
): Promise<Accuracy & { pictures: number; problems: Problems }> {
  const { images, labels, problems } = await encodeDataset(test, classifier.encoder, { texts: false });
  try {
    return scope(() => {
      const result = noGrad(() => accuracy(classifier.logits(images), labelTensor(labels, images.device)));
      return { pictures: labels.length, ...result, problems };
    });
  } finally {
    images.dispose();
  }
}

/** An encoder with a linear head. */
class Classifier {
  readonly encoder: Encoder;
  /** The weights that it trains, with the head's. */
  readonly params: NamedParams;
  readonly #options: FineTuneOptions;
  readonly #weight: Tensor; // [C, E]
  readonly #bias: Tensor; // [C]
  readonly #optimizer: AdamW;
  /** Tensors that the method itself does not train. */
  readonly #unfrozen: Tensor[];

  constructor(encoder: Encoder, options: FineTuneOptions & { classes: number }) {
    const { method, device } = encoder;
    const { params, width, unfrozen } = learnable(encoder);
    const init = new Init({ seed: options.seed, device });
    this.encoder = encoder;
    this.#options = options;
    this.#unfrozen = unfrozen;
    this.#weight = init.normal([options.classes, width], 0.01).persist().requireGrad();
    this.#bias = init.zeros([options.classes]).persist().requireGrad();
    const head = new Map([
      ['head.weight', this.#weight],
      ['head.bias', this.#bias],
    ]);
    this.params = new Map([...params, ...head]);
    const groups = [
      ...decayGroups(params, options.weightDecay, { rule: method.decays }),
      ...decayGroups(head, options.weightDecay),
    ];
    this.#optimizer = new AdamW(groups, ADAM);
  }

  /** Unit rows [B, E] -> [B, C]. */
  logits(features: Tensor): Tensor {
    return ops.linear(features.mul(Math.sqrt(features.shape[1])), this.#weight, this.#bias);
  }

  step(batch: HostBatch, { lr, readLoss }: { lr: number; readLoss: boolean }): number | undefined {
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
      return readLoss ? loss.item() : undefined; // item() waits for the device
    });
  }

  dispose(): void {
    for (const tensor of this.#unfrozen) tensor.requireGrad(false);
    for (const tensor of [this.#weight, this.#bias]) tensor.dispose();
    this.#optimizer.dispose();
  }
}

/**
 * The weights that encodeImages() reads, found by their gradients: parameters, or their copies in a momentum encoder or
 * teacher, whose names have a prefix.
 */
function learnable({ method, device, imageSize }: Encoder): {
  params: NamedParams;
  width: number;
  unfrozen: Tensor[];
} {
  const named = candidates(method);
  const unfrozen = named
    .filter(([, tensor]) => !tensor.requiresGrad)
    .map(([, tensor]) => tensor.requireGrad());
  const { read, width } = scope(() => {
    const images = zeros([1, imageSize, imageSize, 3], { dtype: 'uint8', device });
    const features = method.encodeImages(images);
    const tensors = named.map(([, tensor]) => tensor);
    const grads = features.requiresGrad ? gradients([features.sum()], tensors) : [];
    return { read: grads.map((gradient) => gradient !== null), width: features.shape[1] };
  });
  const params = new Map(named.filter((_, i) => read[i]));
  if (params.size > 0) return { params, width, unfrozen };
  for (const tensor of unfrozen) tensor.requireGrad(false);
  throw new CoupletError(
    'This method cannot be fine-tuned: its encodeImages() records no gradient for the weights that it reads.',
  );
}

function candidates({ model, params }: Method): [string, Tensor][] {
  const names = [...params.keys()];
  const isCopy = (name: string) => names.some((param) => name.endsWith(`.${param}`));
  return [...model].filter(([name]) => params.has(name) || isCopy(name));
}

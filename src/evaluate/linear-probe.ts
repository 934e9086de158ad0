// N pictures, D width of the features, C classes, R learning rates, B pictures of a step.
import { Init } from '../nn/init.ts';
import { Sgd } from '../optim/index.ts';
import { cosine } from '../time/schedules.ts';
import { backward, Generator, noGrad, scope, type Tensor, tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { type Accuracy, accuracy } from './accuracy.ts';
import { finiteOnly, type LabelledRows } from './neighbours.ts';

export interface LinearProbeOptions {
  /** Passes over the features; MoCo v3 and MAE use 90. */
  epochs: number;
  /** Peak learning rates, trained side by side; held-out training features choose one. */
  rates: readonly number[];
  globalBatchSize: number;
  /** Mean 0 and variance 1 per dimension, as MAE's batch norm without gain and bias. */
  standardize: boolean;
  /** Share of the training features that choose the rate. */
  heldOut: number;
  /** Of the weights, the order and the held-out part. */
  seed: number;
}

/** @equation FastCL 7.5: linear probe: SGD, momentum 0.9, no decay, cosine, batches of 1024, weights from N(0, 0.01^2) */
const LINEAR_PROBE: LinearProbeOptions = {
  epochs: 90,
  rates: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
  globalBatchSize: 1024,
  standardize: true,
  heldOut: 0.1,
  seed: 0,
};

export interface LinearProbeReport extends Accuracy {
  pictures: number;
  classes: number;
  epochs: number;
  /** The chosen learning rate. */
  rate: number;
  /** Accuracy of each rate on the held-out training features. If the best is at an end of the list, extend the list. */
  sweep: { rate: number; top1: number }[];
}

const MOMENTUM = { sgdMomentum: 0.9, nesterov: false };
/** Share of the features' mean variance, so that their scale plays no part. */
const RELATIVE_EPS = 1e-5;

/**
 * Linear classification on frozen features with MoCo v3's settings (SGD, momentum 0.9, no decay, cosine, weights from
 * N(0, 0.01^2)). The rate with the highest accuracy on held-out training features is then trained on all of them.
 *
 * Features come from centre crops, computed once. Published protocols crop and flip in each epoch: a little more accurate,
 * at a forward pass per picture and epoch. Training features that are not finite are left out, and such test features are misses.
 * @equation FastCL 7.5: linear probe: SGD, momentum 0.9, no decay, cosine, batches of 1024, weights from N(0, 0.01^2)
 */
export function linearProbe(
  train: LabelledRows,
  test: LabelledRows,
  options: Partial<LinearProbeOptions> & { classes: number },
): LinearProbeReport {
  const all = { ...LINEAR_PROBE, ...options };
  const { classes, epochs, rates } = all;
  return scope(() => {
    const known = finiteOnly(train);
    const standardize = all.standardize ? standardizer(known.features) : (features: Tensor) => features;
    const rows = { ...known, features: standardize(known.features) };
    const sweep = rates.length > 1 ? sweepRates(rows, all) : [];
    const rate = sweep.reduce((best, next) => (better(next, best) ? next : best), sweep[0])?.rate ?? rates[0];
    const [reached] = trainHeads(rows, { ...all, rates: [rate] }).measure({
      ...test,
      features: standardize(test.features),
    });
    return {
      pictures: test.features.shape[0],
      classes,
      epochs,
      rate,
      sweep: sweep.map((each) => ({ rate: each.rate, top1: each.top1 })),
      top1: reached.top1,
      top5: reached.top5,
    };
  });
}

type Settings = LinearProbeOptions & { classes: number };
interface Reached extends Accuracy {
  /** Mean cross-entropy. */
  loss: number;
}

const better = (a: Reached, b: Reached) => a.top1 > b.top1 || (a.top1 === b.top1 && a.loss < b.loss);

function sweepRates(rows: LabelledRows, options: Settings): (Reached & { rate: number })[] {
  const count = rows.features.shape[0];
  const heldOut = Math.max(1, Math.round(count * options.heldOut));
  const order = permutation(count, new Generator('cpu', options.seed + 1), rows.features.device);
  const part = (first: number, size: number): LabelledRows => {
    const indices = order.narrow(0, first, size);
    return {
      features: rows.features.indexSelect(0, indices),
      labels: rows.labels.indexSelect(0, indices),
    };
  };
  const measured = trainHeads(part(heldOut, count - heldOut), options).measure(part(0, heldOut));
  return measured.map((reached, i) => ({ ...reached, rate: options.rates[i] }));
}

/** x -> (x - mean) / sqrt(variance + eps), with the statistics of `features` [N, D]. */
function standardizer(features: Tensor): (features: Tensor) => Tensor {
  const mean = features.mean(0);
  const variance = ops.var_correction(features, [0], 0);
  const floor = variance.mean().mul(RELATIVE_EPS).clamp(1e-24, null); // constant features stay 0
  const deviation = variance.add(floor).sqrt();
  return (other) => other.sub(mean).div(deviation);
}

function permutation(count: number, generator: Generator, device: string): Tensor {
  return ops.randperm_generator(count, generator, 'int64').toDevice(device);
}

/** All heads have the same start and the same batches. */
function trainHeads({ features, labels }: LabelledRows, options: Settings): Heads {
  const { epochs, globalBatchSize, seed } = options;
  const heads = new Heads(features, options);
  const draw = new Generator('cpu', seed);
  const count = features.shape[0];
  const total = epochs * Math.ceil(count / globalBatchSize);
  const decay = cosine(1, 0);
  let step = 0;
  const epoch = () => {
    const order = permutation(count, draw, features.device);
    for (let first = 0; first < count; first += globalBatchSize) {
      const indices = order.narrow(0, first, Math.min(globalBatchSize, count - first));
      scope(() =>
        heads.step(features.indexSelect(0, indices), labels.indexSelect(0, indices), decay(step++ / total)),
      );
    }
  };
  try {
    for (let done = 0; done < epochs; done++) scope(epoch);
    return heads;
  } finally {
    heads.dispose();
  }
}

/** Scores in memory at once: 128 MiB. */
const MAX_SCORES = 2 ** 25;

/** R linear classifiers. The scope owns their weights; dispose() frees the optimizer. */
class Heads {
  readonly #optimizer: Sgd;
  readonly #weight: Tensor; // [R, C, D]
  readonly #bias: Tensor; // [R, C]
  readonly #rates: Tensor; // [R]

  constructor(features: Tensor, { rates, classes, seed }: Settings) {
    const [device, width, count] = [features.device, features.shape[1], rates.length];
    const init = new Init({ seed, device });
    this.#rates = tensor(rates, [count], { device });
    const start = init.normal([classes, width], 0.01);
    this.#weight = start.expand(count, classes, width).clone().requireGrad();
    this.#bias = init.zeros([count, classes]).requireGrad();
    const tensors = [this.#weight, this.#bias];
    this.#optimizer = new Sgd([{ names: ['weight', 'bias'], tensors, weightDecay: 0 }], MOMENTUM);
  }

  /** Cross-entropy of each rate, [R]: features [B, D], labels [B]. */
  #losses(features: Tensor, labels: Tensor): { logits: Tensor; losses: Tensor } {
    const [count, classes, width] = this.#weight.shape;
    const rows = features.shape[0];
    const flat = ops.linear(features, this.#weight.view(count * classes, width), this.#bias.view(-1));
    const targets = labels.unsqueeze(1).expand(rows, count).reshape(-1);
    const each = ops.cross_entropy_loss(flat.view(rows * count, classes), targets, null, 0);
    return { logits: flat.view(rows, count, classes), losses: each.view(rows, count).mean(0) };
  }

  /** Momentum without decay is linear in gradients, so rates may weigh losses: one optimizer serves all. */
  step(features: Tensor, labels: Tensor, factor: number): void {
    backward(this.#losses(features, labels).losses.mul(this.#rates).sum());
    this.#optimizer.step({ lr: factor });
  }

  dispose(): void {
    this.#optimizer.dispose();
  }

  measure({ features, labels }: LabelledRows): Reached[] {
    const count = features.shape[0];
    const all = Array.from({ length: this.#rates.size }, () => ({ top1: 0, top5: 0, loss: 0 }));
    const part = Math.max(1, Math.floor(MAX_SCORES / this.#bias.size));
    for (let first = 0; first < count; first += part) {
      const size = Math.min(part, count - first);
      const cut = (tensor: Tensor) => tensor.narrow(0, first, size);
      const measured = scope(() => this.#measurePart(cut(features), cut(labels)));
      measured.forEach((values, i) => {
        for (const key of ['top1', 'top5', 'loss'] as const) all[i][key] += values[key] * (size / count);
      });
    }
    return all;
  }

  #measurePart(features: Tensor, labels: Tensor): Reached[] {
    return noGrad(() => {
      const { logits, losses } = this.#losses(features, labels);
      return losses.toNumbers().map((loss, i) => ({ ...accuracy(logits.select(1, i), labels), loss }));
    });
  }
}

// The record of one kind of batch: sizes, text length and compression.
import type { Batch, Features, Method } from '../../methods/index.ts';
import { BatchStatistics } from '../../nn/batch-norm.ts';
import type { Clock } from '../../time/schedules.ts';
import {
  Graph,
  gradients,
  noGrad,
  StepInputs,
  scope,
  setGrads,
  type Tensor,
  zeros,
} from '../../torch/index.ts';
import * as ops from '../../torch/ops.ts';
import { RecordedLoss } from './loss-graph.ts';

/** The features of a batch, and how their gradient goes on to the parameters. */
export interface Recorded {
  features: Features;
  /** Names of the features that have a gradient. */
  learned: string[];
  /** Leaves the gradients of parameters where backward() would, from those of the learned features. */
  backward(pulls: Features): void;
  statistics: BatchStatistics;
  /** The loss and all of its backward pass, where they are recorded too; in place of method.loss() and backward(). */
  loss?: RecordedStep;
}

/** What is left to do after the features of a step whose loss is recorded. */
export interface RecordedStep {
  /** Leaves the gradients of all parameters. Returns what commit() takes. */
  backward(): unknown;
  /** What batch norms of the loss have seen. */
  statistics: BatchStatistics;
}

/** Records the towers at its making, and the loss when it is worth it; replays them. */
export class Kind {
  readonly #method: Method;
  readonly #statistics = new BatchStatistics();
  readonly #inputs = new StepInputs();
  readonly #batch: Batch;
  readonly #features: Features;
  /** Names of the features that have a gradient, and where it is put. */
  readonly #pulls: Map<string, Tensor>;
  readonly #params: Tensor[];
  readonly #grads: Tensor[];
  readonly #forward: Graph;
  readonly #backward: Graph;
  /** Parameters that the loss alone reaches. */
  readonly #ofLoss: Tensor[];
  #loss: { key: string; recorded?: RecordedLoss } | undefined;

  constructor(method: Method, batch: Batch, { clock, length }: { clock: Clock; length: number }) {
    this.#method = method;
    const { ids, tokens, rows } = batch;
    const device = ids.device;
    this.#batch = {
      views: batch.views.map((view) => ops.zeros_like(view).persist()),
      tokens: zeros([tokens.shape[0], length], { dtype: 'int32', device }).persist(),
      ids: ops.zeros_like(ids).persist(),
      rows,
    };
    this.#load(batch);
    const params = [...method.params.values()].filter((param) => param.requiresGrad);
    const features = () => this.#statistics.during(() => method.features(this.#batch, clock));
    const record = Graph.onRecorder(() => {
      scope(() => this.#inputs.collect(features));
      this.#statistics.forget();
      scope(() => pullBack(this.#inputs.reuse(features), params));
      this.#statistics.forget();
      const forward = Graph.record(() => this.#inputs.reuse(features));
      const outputs = learned(forward.result);
      const pulls = outputs.map(([name, output]) => [name, ops.zeros_like(output).persist()] as const);
      const backward = Graph.record(() =>
        gradients(
          outputs.map(([, output]) => output),
          params,
          pulls.map(([, pull]) => pull),
        ),
      );
      return { forward, backward, pulls: new Map(pulls) };
    });
    const used = record.backward.result.map((grad) => grad !== null);
    this.#forward = record.forward.graph;
    this.#backward = record.backward.graph;
    this.#pulls = record.pulls;
    this.#params = params.filter((_, i) => used[i]);
    this.#ofLoss = params.filter((_, i) => !used[i]);
    this.#grads = record.backward.result.filter((grad) => grad !== null).map((grad) => grad.persist());
    this.#features = Object.fromEntries(
      Object.entries(record.forward.result).map(([name, feature]) => [name, feature.detach().persist()]),
    );
  }

  #load({ views, tokens, ids }: Batch): void {
    views.forEach((view, i) => {
      this.#batch.views[i].copy_(view);
    });
    const width = tokens.shape[1];
    this.#batch.tokens.zero_();
    if (width > 0) this.#batch.tokens.narrow(1, 0, width).copy_(tokens);
    this.#batch.ids.copy_(ids);
  }

  /** @param options.records whether a loss may be recorded that is not yet */
  run(batch: Batch, clock: Clock, { records = true }: { records?: boolean } = {}): Recorded {
    noGrad(() => this.#load(batch));
    this.#inputs.refresh({ step: clock.step, rows: batch.rows });
    this.#forward.replay();
    const loss = this.#lossAt(clock, { records });
    return {
      ...(loss && { loss }),
      features: this.#features,
      learned: [...this.#pulls.keys()],
      statistics: this.#statistics,
      backward: (pulls) => {
        noGrad(() => {
          for (const [name, pull] of this.#pulls) pull.copy_(pulls[name]);
        });
        this.#pullBack();
      },
    };
  }

  /** From the pulls to the gradients of the features' parameters. */
  #pullBack(): void {
    this.#backward.replay();
    setGrads(this.#params, this.#grads);
  }

  /** The record of the loss for this clock: made when its key comes a second time, since one that moves each step is not worth any. */
  #lossAt(clock: Clock, { records }: { records: boolean }): RecordedStep | undefined {
    const key = clock.wanted === false ? this.#method.lossKey?.(clock) : undefined;
    if (key === undefined) return undefined;
    if (!records && (this.#loss?.key !== key || !this.#loss.recorded)) return undefined;
    if (this.#loss?.key !== key) {
      this.#loss?.recorded?.dispose();
      this.#loss = { key };
      return undefined;
    }
    this.#loss.recorded ??= new RecordedLoss({
      method: this.#method,
      features: this.#features,
      ids: this.#batch.ids,
      pulls: this.#pulls,
      params: this.#ofLoss,
      clock,
    });
    const { recorded } = this.#loss;
    return {
      statistics: recorded.statistics,
      backward: () => {
        const next = recorded.replay();
        this.#pullBack();
        return next;
      },
    };
  }

  dispose(): void {
    const { views, tokens, ids } = this.#batch;
    const kept = [
      ...views,
      tokens,
      ids,
      ...this.#pulls.values(),
      ...this.#grads,
      ...Object.values(this.#features),
    ];
    for (const tensor of kept) tensor.dispose();
    this.#loss?.recorded?.dispose();
    this.#inputs.dispose();
    this.#statistics.forget();
    this.#forward.dispose();
    this.#backward.dispose();
  }
}

const learned = (features: Features) =>
  Object.entries(features).filter(([, feature]) => feature.requiresGrad);

/** A first backward pass, for what libraries set up. */
function pullBack(features: Features, params: readonly Tensor[]): void {
  const outputs = learned(features).map(([, feature]) => feature);
  const pulls = outputs.map((output) => ops.zeros_like(output));
  gradients(outputs, params, pulls);
}

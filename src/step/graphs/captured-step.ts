// One shape of step as CUDA graphs: sizes, text length and compression are fixed (docs/cuda-graphs.md).
import { type Batch, type Features, type Method, mapHeld } from '../../methods/index.ts';
import { BatchStatistics } from '../../nn/batch-norm.ts';
import type { StepContext } from '../../time/clock.ts';
import {
  Graph,
  gradients,
  noGrad,
  StaticInputs,
  scope,
  setGrads,
  type Tensor,
  zeros,
} from '../../torch/index.ts';
import * as ops from '../../torch/ops.ts';
import { LossGraph } from './loss-graph.ts';

export interface Replay {
  features: Features;
  /** Names of the features with gradient. */
  learned: string[];
  /** From the gradients of the learned features to those of the parameters. */
  backward(pulls: Features): void;
  statistics: BatchStatistics;
  /** Replaces method.loss() and its backward pass. Absent: the loss is not captured. */
  loss?: CapturedLoss;
}

export interface CapturedLoss {
  /** Leaves the gradients of all parameters. Returns commit()'s argument. */
  backward(): unknown;
  statistics: BatchStatistics;
}

/** Captures the towers at once, and the loss when its key comes a second time. */
export class CapturedStep {
  readonly #method: Method;
  readonly #statistics = new BatchStatistics();
  readonly #inputs = new StaticInputs();
  readonly #batch: Batch;
  readonly #features: Features;
  /** Gradients of the learned features, by name. */
  readonly #pulls: Map<string, Tensor>;
  readonly #params: Tensor[];
  readonly #grads: Tensor[];
  readonly #forward: Graph;
  readonly #backward: Graph;
  /** Parameters that only the loss reaches. */
  readonly #lossParams: Tensor[];
  #loss: { key: string; graph?: LossGraph } | undefined;

  constructor(method: Method, batch: Batch, { context, length }: { context: StepContext; length: number }) {
    this.#method = method;
    const { ids, tokens, rows, held } = batch;
    const device = ids.device;
    this.#batch = {
      views: batch.views.map((view) => ops.zeros_like(view).persist()),
      tokens: zeros([tokens.shape[0], length], { dtype: 'int32', device }).persist(),
      ids: ops.zeros_like(ids).persist(),
      rows,
      ...(held && { held: mapHeld(held, (output) => ops.zeros_like(output).persist()) }),
    };
    this.#load(batch);
    const params = [...method.params.values()].filter((param) => param.requiresGrad);
    const features = () => this.#statistics.during(() => method.features(this.#batch, context));
    const captured = Graph.onCaptureStream(() => {
      this.#warmUp(features, params);
      const forward = Graph.capture(() => this.#inputs.reuse(features));
      const outputs = learnedIn(forward.result);
      const pulls = outputs.map(([name, output]) => [name, ops.zeros_like(output).persist()] as const);
      const backward = Graph.capture(() =>
        gradients(
          outputs.map(([, output]) => output),
          params,
          pulls.map(([, pull]) => pull),
        ),
      );
      return { forward, backward, pulls: new Map(pulls) };
    });
    const reached = captured.backward.result.map((grad) => grad !== null);
    this.#forward = captured.forward.graph;
    this.#backward = captured.backward.graph;
    this.#pulls = captured.pulls;
    this.#params = params.filter((_, i) => reached[i]);
    this.#lossParams = params.filter((_, i) => !reached[i]);
    this.#grads = captured.backward.result.filter((grad) => grad !== null).map((grad) => grad.persist());
    this.#features = Object.fromEntries(
      Object.entries(captured.forward.result).map(([name, feature]) => [name, feature.detach().persist()]),
    );
  }

  /** Libraries allocate in their first call, which a capture refuses. */
  #warmUp(features: () => Features, params: readonly Tensor[]): void {
    scope(() => this.#inputs.collect(features));
    this.#statistics.forget();
    scope(() => {
      const outputs = learnedIn(this.#inputs.reuse(features)).map(([, feature]) => feature);
      const pulls = outputs.map((output) => ops.zeros_like(output));
      gradients(outputs, params, pulls);
    });
    this.#statistics.forget();
  }

  #load({ views, tokens, ids, held = {} }: Batch): void {
    views.forEach((view, i) => {
      this.#batch.views[i].copy_(view);
    });
    const width = tokens.shape[1];
    this.#batch.tokens.zero_();
    if (width > 0) this.#batch.tokens.narrow(1, 0, width).copy_(tokens);
    this.#batch.ids.copy_(ids);
    mapHeld(held, (output, tower) => this.#batch.held![tower]!.copy_(output));
  }

  /**
   * Replays the towers on a batch. The next call overwrites the features.
   * @param options.loss replay the loss too, if it is captured
   * @param options.capture capture the loss when its key comes a second time
   */
  run(batch: Batch, context: StepContext, options: { loss: boolean; capture?: boolean }): Replay {
    noGrad(() => this.#load(batch));
    this.#inputs.refresh({ step: context.step, rows: batch.rows });
    this.#forward.replay();
    const loss = options.loss ? this.#lossAt(context, options) : undefined;
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

  #pullBack(): void {
    this.#backward.replay();
    setGrads(this.#params, this.#grads);
  }

  /** Captures when a key comes twice in a row: one that changes with each step is not worth a graph. */
  #lossAt(context: StepContext, { capture = true }: { capture?: boolean }): CapturedLoss | undefined {
    const key = this.#method.lossKey?.(context);
    if (key === undefined) return undefined;
    if (!capture && (this.#loss?.key !== key || !this.#loss.graph)) return undefined;
    if (this.#loss?.key !== key) {
      this.#loss?.graph?.dispose();
      this.#loss = { key };
      return undefined;
    }
    this.#loss.graph ??= new LossGraph({
      method: this.#method,
      features: this.#features,
      ids: this.#batch.ids,
      pulls: this.#pulls,
      params: this.#lossParams,
      context,
    });
    const { graph } = this.#loss;
    return {
      statistics: graph.statistics,
      backward: () => {
        const next = graph.replay();
        this.#pullBack();
        return next;
      },
    };
  }

  dispose(): void {
    const { views, tokens, ids, held = {} } = this.#batch;
    mapHeld(held, (output) => output.dispose());
    const features = Object.values(this.#features);
    for (const tensor of [...views, tokens, ids, ...this.#pulls.values(), ...this.#grads, ...features])
      tensor.dispose();
    this.#loss?.graph?.dispose();
    this.#inputs.dispose();
    this.#statistics.forget();
    this.#forward.dispose();
    this.#backward.dispose();
  }
}

const learnedIn = (features: Features) =>
  Object.entries(features).filter(([, feature]) => feature.requiresGrad);

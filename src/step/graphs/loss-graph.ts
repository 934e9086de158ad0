import type { Batch, Features, Method } from '../../methods/index.ts';
import { BatchStatistics } from '../../nn/batch-norm.ts';
import type { StepContext } from '../../time/clock.ts';
import { Graph, gradients, noGrad, scope, setGrads, type Tensor, tensorsIn } from '../../torch/index.ts';

export interface LossGraphContext {
  method: Method;
  /** Static inputs of loss(). */
  features: Features;
  ids: Batch['ids'];
  /** Gradients of the learned features: outputs. */
  pulls: ReadonlyMap<string, Tensor>;
  /** Parameters of heads: those that the features do not depend on. */
  params: readonly Tensor[];
  context: StepContext;
}

/** A loss and its backward pass, heads included. Valid while lossKey() stays the same. */
export class LossGraph {
  readonly statistics = new BatchStatistics();
  readonly #graph: Graph;
  readonly #next: unknown;
  /** Tensors of `next` except ids and features, which belong to the step. */
  readonly #ownTensors: Tensor[];
  readonly #params: Tensor[];
  readonly #grads: Tensor[];

  /** The features must be computed already. */
  constructor(options: LossGraphContext) {
    const { params } = options;
    const { graph, result } = Graph.onCaptureStream(() => {
      scope(() => this.#run(options)); // warm up
      this.statistics.forget();
      return Graph.capture(() => this.#run(options), { ownPool: true });
    });
    this.#graph = graph;
    this.#next = result.next;
    const others = new Set([options.ids, ...Object.values(options.features)]);
    this.#ownTensors = [...new Set(tensorsIn(result.next))].filter((tensor) => !others.has(tensor));
    for (const tensor of this.#ownTensors) tensor.persist();
    const reached = result.grads.map((grad) => grad !== null);
    this.#params = params.filter((_, i) => reached[i]);
    this.#grads = result.grads.filter((grad) => grad !== null).map((grad) => grad.persist());
  }

  #run({ method, features, ids, pulls, params, context }: LossGraphContext) {
    const whole: Features = { ...features };
    for (const name of pulls.keys()) whole[name] = features[name].detach().requireGrad();
    const { loss, next } = this.statistics.during(() => method.loss(whole, ids, context));
    const leaves = [...pulls.keys()].map((name) => whole[name]);
    const grads = gradients([loss], [...leaves, ...params]);
    noGrad(() => {
      [...pulls.values()].forEach((pull, i) => {
        pull.copy_(grads[i]!);
      });
    });
    return { next, grads: grads.slice(leaves.length) };
  }

  /** Writes the pulls and the gradients of the heads. Returns commit()'s argument, which the next replay overwrites. */
  replay(): unknown {
    this.#graph.replay();
    setGrads(this.#params, this.#grads);
    return this.#next;
  }

  dispose(): void {
    for (const tensor of [...this.#grads, ...this.#ownTensors]) tensor.dispose();
    this.statistics.forget();
    this.#graph.dispose();
  }
}

// The loss of a recorded step as a CUDA graph of its own: from features to their gradient, heads included (decision 0007).
import type { Batch, Features, Method } from '../../methods/index.ts';
import { BatchStatistics } from '../../nn/batch-norm.ts';
import type { Clock } from '../../time/schedules.ts';
import { Graph, gradients, noGrad, scope, setGrads, type Tensor, tensorsIn } from '../../torch/index.ts';

export interface RecordedLossContext {
  method: Method;
  /** What loss() reads; the replay reads the same tensors again. */
  features: Features;
  ids: Batch['ids'];
  /** Where the gradient of each learned feature goes. */
  pulls: ReadonlyMap<string, Tensor>;
  /** Parameters that the features do not reach. */
  params: readonly Tensor[];
  clock: Clock;
}

/** Recorded inside of a step, when the features are there; good for every clock that has the same key of the method. */
export class RecordedLoss {
  readonly statistics = new BatchStatistics();
  readonly #graph: Graph;
  readonly #next: unknown;
  /** Tensors of `next` that were made here: ids and features are somebody else's. */
  readonly #made: Tensor[];
  readonly #params: Tensor[];
  readonly #grads: Tensor[];

  constructor(context: RecordedLossContext) {
    const { params } = context;
    const { graph, result } = Graph.onRecorder(() => {
      scope(() => this.#run(context)); // for what libraries set up
      this.statistics.forget();
      return Graph.record(() => this.#run(context), { ownPool: true });
    });
    this.#graph = graph;
    this.#next = result.next;
    const given = new Set([context.ids, ...Object.values(context.features)]);
    this.#made = [...new Set(tensorsIn(result.next))].filter((tensor) => !given.has(tensor));
    for (const tensor of this.#made) tensor.persist();
    const used = result.grads.map((grad) => grad !== null);
    this.#params = params.filter((_, i) => used[i]);
    this.#grads = result.grads.filter((grad) => grad !== null).map((grad) => grad.persist());
  }

  #run({ method, features, ids, pulls, params, clock }: RecordedLossContext) {
    const whole: Features = { ...features };
    for (const name of pulls.keys()) whole[name] = features[name].detach().requireGrad();
    const { loss, next } = this.statistics.during(() => method.loss(whole, ids, { ...clock, wanted: false }));
    const leaves = [...pulls.keys()].map((name) => whole[name]);
    const found = gradients([loss], [...leaves, ...params]);
    noGrad(() => {
      [...pulls.values()].forEach((pull, i) => {
        pull.copy_(found[i]!);
      });
    });
    return { next, grads: found.slice(leaves.length) };
  }

  /** Writes the pulls, and leaves a gradient with each parameter of the loss. Returns what commit() takes; it is overwritten by the next. */
  replay(): unknown {
    this.#graph.replay();
    setGrads(this.#params, this.#grads);
    return this.#next;
  }

  dispose(): void {
    for (const tensor of [...this.#grads, ...this.#made]) tensor.dispose();
    this.statistics.forget();
    this.#graph.dispose();
  }
}

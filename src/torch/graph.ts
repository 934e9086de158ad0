import { emptyCache } from './device.ts';
import { native } from './native.ts';
import { scope } from './scope.ts';
import type { Tensor } from './tensor.ts';

/**
 * Kernels that were captured once and are replayed as one launch, on the same tensors: these must stay alive and in place
 * (docs/cuda-graphs.md).
 */
export class Graph {
  readonly #id: number;

  private constructor(id: number) {
    this.#id = id;
  }

  /** Runs a synchronous `body` on the stream of captures, where each warm-up must run too. */
  static onCaptureStream<T>(body: () => T): T {
    native.captureStreamEnter();
    try {
      return body();
    } finally {
      native.captureStreamLeave();
    }
  }

  /**
   * Captures the kernels of `body` instead of running them, inside onCaptureStream(). replay() writes the tensors of `result`.
   * @param options.ownPool own memory pool; graphs in the shared pool must be replayed in the order of their capture
   */
  static capture<T>(
    body: () => T,
    { ownPool = false }: { ownPool?: boolean } = {},
  ): { graph: Graph; result: T } {
    emptyCache(); // of the warm-up: a capture frees no memory
    native.graphBegin(ownPool);
    const result = scope(body);
    return { graph: new Graph(native.graphEnd()), result };
  }

  replay(): void {
    native.graphReplay(this.#id);
  }

  dispose(): void {
    native.graphDispose(this.#id);
  }
}

/** Step and rows of its batch for which random tensors are drawn. */
export interface Draw {
  step: number;
  rows: { first: number; total: number };
}

/** Inputs of a captured step that change with each step, such as random masks: they are drawn outside the graph. */
export class StaticInputs {
  readonly #drawn: { tensor: Tensor; draw: (target: Draw) => Tensor }[] = [];
  #nextIndex: number | undefined;

  /** Runs `body` and keeps its draws. */
  collect<T>(body: () => T): T {
    return withInputs(this, body);
  }

  /** Runs `body` again on the kept tensors, in the same order. */
  reuse<T>(body: () => T): T {
    this.#nextIndex = 0;
    return withInputs(this, body);
  }

  /** Overwrites all tensors with draws for another step. */
  refresh(target: Draw): void {
    for (const { tensor, draw } of this.#drawn) scope(() => tensor.copy_(draw(target)));
  }

  /** A kept tensor in reuse(), else a new draw. */
  next(target: Draw, draw: (target: Draw) => Tensor): Tensor {
    if (this.#nextIndex !== undefined) return this.#drawn[this.#nextIndex++].tensor;
    const tensor = draw(target).persist();
    this.#drawn.push({ tensor, draw });
    return tensor;
  }

  dispose(): void {
    for (const { tensor } of this.#drawn) tensor.dispose();
  }
}

let current: StaticInputs | undefined;

function withInputs<T>(inputs: StaticInputs, body: () => T): T {
  const before = current;
  current = inputs;
  try {
    return body();
  } finally {
    current = before;
  }
}

/** Draws a tensor that depends on the step alone. A replayed step gets new values only for tensors from here. */
export function stepInput(target: Draw, draw: (target: Draw) => Tensor): Tensor {
  return current ? current.next(target, draw) : draw(target);
}

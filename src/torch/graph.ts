import { emptyCache } from './device.ts';
import { native } from './native.ts';
import { scope } from './scope.ts';
import type { Tensor } from './tensor.ts';

/**
 * A CUDA graph: kernels that were captured once and are replayed as one launch. It reads and writes the tensors of its capture, so
 * these must stay alive and in place (docs/cuda-graphs.md).
 */
export class Graph {
  readonly #id: number;

  private constructor(id: number) {
    this.#id = id;
  }

  /** Runs `body` on the stream of captures: what is captured must have run there before. Synchronous only. */
  static onCaptureStream<T>(body: () => T): T {
    native.captureStreamEnter();
    try {
      return body();
    } finally {
      native.captureStreamLeave();
    }
  }

  /**
   * Captures the kernels of `body` instead of running them, inside onCaptureStream(). replay() writes what `body` returns.
   * @param options.ownPool takes memory from a pool of its own. Graphs of the shared pool must be replayed in the order of their capture
   */
  static capture<T>(
    body: () => T,
    { ownPool = false }: { ownPool?: boolean } = {},
  ): { graph: Graph; result: T } {
    emptyCache(); // the warm-up took as much memory as the capture will, and a capture frees none
    native.graphBegin(ownPool);
    const result = scope(body);
    return { graph: new Graph(native.graphEnd()), result };
  }

  /** Launches the captured kernels on the current stream. */
  replay(): void {
    native.graphReplay(this.#id);
  }

  dispose(): void {
    native.graphDispose(this.#id);
  }
}

/** Which step random tensors are drawn for, and for which rows of its batch. */
export interface Draw {
  step: number;
  rows: { first: number; total: number };
}

/** Tensors that a captured step reads and that change with each step: random masks are drawn outside of the graph. */
export class StaticInputs {
  readonly #drawn: { tensor: Tensor; draw: (at: Draw) => Tensor }[] = [];
  #next: number | undefined;

  /** Runs `body` and keeps what it draws. */
  collect<T>(body: () => T): T {
    return withInputs(this, body);
  }

  /** Runs `body` again on the kept tensors, in the same order. */
  reuse<T>(body: () => T): T {
    this.#next = 0;
    return withInputs(this, body);
  }

  /** Draws all for another step, in place. */
  refresh(at: Draw): void {
    for (const { tensor, draw } of this.#drawn) scope(() => tensor.copy_(draw(at)));
  }

  take(at: Draw, draw: (at: Draw) => Tensor): Tensor {
    if (this.#next !== undefined) return this.#drawn[this.#next++].tensor;
    const tensor = draw(at).persist();
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

/** A tensor that depends on the step alone, as a random mask does. All of them come through here, so that a captured step gets new ones. */
export function stepInput(at: Draw, draw: (at: Draw) => Tensor): Tensor {
  return current ? current.take(at, draw) : draw(at);
}

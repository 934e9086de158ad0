import { emptyCache } from './device.ts';
import { native } from './native.ts';
import { scope } from './scope.ts';
import type { Tensor } from './tensor.ts';

/**
 * A sequence of CUDA kernels, recorded once and launched again as one: for steps of many small kernels, which take longer to
 * launch than to run. It reads and writes the very tensors of its recording, so these must stay alive and in place.
 */
export class Graph {
  readonly #id: number;

  private constructor(id: number) {
    this.#id = id;
  }

  /** Runs `body` on the stream that graphs are recorded on: what is recorded must have run there before. Synchronous only. */
  static onRecorder<T>(body: () => T): T {
    native.recorderEnter();
    try {
      return body();
    } finally {
      native.recorderLeave();
    }
  }

  /**
   * Records the kernels of `body` instead of running them; inside onRecorder. What `body` returns is written by replay().
   * @param options.ownPool its memory is its own. Graphs that share a pool may write where earlier ones keep what they need later, so
   *   they have to be replayed in the order of their recording; this one need not
   */
  static record<T>(
    body: () => T,
    { ownPool = false }: { ownPool?: boolean } = {},
  ): { graph: Graph; result: T } {
    emptyCache(); // nothing can be given back while it records, and the runs before took as much as the record will
    native.graphBegin(ownPool);
    const result = scope(body);
    return { graph: new Graph(native.graphEnd()), result };
  }

  /** Launches what was recorded, on the current stream. */
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

/** The tensors that a recorded step gets anew each time: what is random is drawn outside of the record. */
export class StepInputs {
  readonly #drawn: { tensor: Tensor; draw: (at: Draw) => Tensor }[] = [];
  #next: number | undefined;

  /** Runs `body`, keeping what it draws. */
  collect<T>(body: () => T): T {
    return withInputs(this, body);
  }
  /** Runs `body` again: it gets the kept tensors, in the same order. */
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

let current: StepInputs | undefined;

function withInputs<T>(inputs: StepInputs, body: () => T): T {
  const before = current;
  current = inputs;
  try {
    return body();
  } finally {
    current = before;
  }
}

/** A tensor that depends on the step and on nothing else, as a random mask does: every such one is made through this, so that a recorded step can get a new one. */
export function stepInput(at: Draw, draw: (at: Draw) => Tensor): Tensor {
  return current ? current.take(at, draw) : draw(at);
}

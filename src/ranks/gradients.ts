import { CoupletError } from '../errors.ts';
import type { ProcessGroup, Reducer } from '../torch/dist.ts';
import { backward, gradsOf, type Tensor } from '../torch/index.ts';
import type { GradientAverager } from './group.ts';

export type Params = ReadonlyMap<string, Tensor>;
/** Runs a collective; its errors name the lost rank. */
export type Guard = <T>(collective: string, body: () => T) => T;

function refuseMissing(names: readonly string[]): void {
  if (names.length === 0) return;
  const shown = names.slice(0, 3).join(', ') + (names.length > 3 ? ` and ${names.length - 3} more` : '');
  throw new CoupletError(
    `backward gave no gradient to ${shown}: the averager expects one for each of its parameters on every rank. Leave these out.`,
  );
}

abstract class Averager implements GradientAverager {
  protected readonly guard: Guard;
  constructor(guard: Guard) {
    this.guard = guard;
  }
  abstract prepare(): void;
  abstract finish(): void;
  abstract dispose(): void;
  backward(loss: Tensor): void {
    this.guard('averaging of gradients', () => {
      this.prepare();
      backward(loss);
      this.finish();
    });
  }
}

/**
 * Averages while backward runs, bucket by bucket (c10d's Reducer).
 * @equation FastCLIP 4: parameters: all-reduce to the mean; 8 P (K - 1) / K bytes
 */
export class OverlappedAverager extends Averager {
  readonly #names: readonly string[];
  readonly #label: string;
  readonly #reducer: Reducer;

  constructor(
    group: ProcessGroup,
    params: Params,
    { bucketBytes, label, guard }: { bucketBytes: number; label: string; guard: Guard },
  ) {
    super(guard);
    this.#names = [...params.keys()];
    this.#label = label;
    const firstBucketBytes = Math.min(bucketBytes, 1 << 20);
    this.#reducer = group.reducer([...params.values()], { bucketBytes, firstBucketBytes });
  }
  prepare(): void {
    this.guard('averaging of gradients', () => this.#reducer.prepare());
  }
  finish(): void {
    refuseMissing(this.#reducer.finish(this.#label).map((i) => this.#names[i]));
  }
  dispose(): void {
    this.#reducer.dispose();
  }
}

/**
 * Averages all gradients after backward, in one all-reduce.
 * @equation FastCLIP 4: parameters: all-reduce to the mean; 8 P (K - 1) / K bytes
 */
export class FlatAverager extends Averager {
  readonly #group: ProcessGroup;
  readonly #params: Params;
  readonly #label: string;

  constructor(group: ProcessGroup, params: Params, { label, guard }: { label: string; guard: Guard }) {
    super(guard);
    this.#group = group;
    this.#params = params;
    this.#label = label;
  }
  prepare(): void {}
  finish(): void {
    const tensors = [...this.#params.values()];
    const names = [...this.#params.keys()];
    const grads = gradsOf(tensors);
    refuseMissing(names.filter((_, i) => grads[i] === null));
    for (const grad of grads) grad?.dispose();
    this.guard('averaging of gradients', () => this.#group.averageGrads(tensors, this.#label));
  }
  dispose(): void {}
}

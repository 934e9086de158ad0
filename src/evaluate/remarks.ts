import { type Dataset, listProblems, type Problems } from '../data/index.ts';
import { weightNotFinite } from '../nn/finite.ts';
import type { Tensor } from '../torch/index.ts';

export interface ReportRemarks {
  /** Unreadable samples. */
  skipped: number;
  /** Sentences about samples and classes that the numbers leave out. */
  notes: readonly string[];
  /** A sentence about features with NaN or an infinity, and its cause. */
  notFinite?: string;
}

/** What must be said beside the numbers of an evaluation. */
export class Remarks {
  skipped = 0;
  readonly notes: string[] = [];
  readonly #notFinite: string[] = [];

  /** @returns whether it is new */
  note(sentence: string): boolean {
    const isNew = !this.notes.includes(sentence);
    if (isNew) this.notes.push(sentence);
    return isNew;
  }

  /** Samples that were left out, while indexing and while reading. `name` of the data: `evaluate.retrieval.data`. */
  lost(
    name: string,
    { size, problems: unindexed }: Pick<Dataset, 'size' | 'problems'>,
    unread: Problems,
  ): void {
    const left = `${size - unread.count} of ${size} samples`;
    const unreadable = `${name}: the numbers are of ${left}; ${unread.count} could not be read:\n${listProblems(unread)}`;
    if (unread.count > 0 && this.note(unreadable)) this.skipped += unread.count;
    if (unindexed.count > 0)
      this.note(`${name}: ${unindexed.count} could not be used at all:\n${listProblems(unindexed)}`);
  }

  /** `what` has the number and the first: `2 of 96 pictures (the first is a.png)`. */
  notFinite(what: string): void {
    this.#notFinite.push(what);
  }

  /** `weights` are searched for the cause of features that are not finite. */
  finish(weights: ReadonlyMap<string, Tensor>): ReportRemarks {
    const notFinite = this.#notFiniteSentence(weights);
    return { skipped: this.skipped, notes: this.notes, ...(notFinite !== undefined && { notFinite }) };
  }

  #notFiniteSentence(weights: ReadonlyMap<string, Tensor>): string | undefined {
    if (this.#notFinite.length === 0) return undefined;
    const cause =
      weightNotFinite(weights) ??
      'all weights are finite, so numbers grow too large on their way through the model';
    return `the features of ${this.#notFinite.join(' and ')} are not finite and count as misses: ${cause}.`;
  }
}

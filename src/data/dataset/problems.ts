import { CoupletError } from '../../errors.ts';

export interface Problem {
  /** A path, or `archive.tar:member`. */
  name: string;
  reason: string;
  /** Where it cost more than one. */
  samples?: number;
}

export interface Problems {
  /** Of samples. */
  readonly count: number;
  readonly first: readonly Problem[];
  /** Of the samples, where they have some. */
  readonly ids?: readonly number[];
}

/** A file's samples after some place are lost. Those before are good. */
export class DamagedFile extends Error {
  override name = 'DamagedFile';
}

const MAX_LISTED_PROBLEMS = 10;

export class ProblemLog implements Problems {
  count = 0;
  readonly first: Problem[] = [];

  add(name: string, reason: string, samples = 1): void {
    this.count += samples;
    const known = this.first.some((problem) => problem.name === name && problem.reason === reason);
    if (this.first.length >= MAX_LISTED_PROBLEMS || known) return;
    this.first.push({ name, reason, ...(samples > 1 && { samples }) });
  }

  addAll(problems: Problems): void {
    this.count += problems.count;
    this.first.push(...problems.first.slice(0, MAX_LISTED_PROBLEMS - this.first.length));
  }
}

/** Counts each sample once, however often it comes. */
export class BadSamples extends ProblemLog {
  readonly #ids = new Set<number>();

  get ids(): readonly number[] {
    return [...this.#ids];
  }

  addSample(id: number, name: string, reason: string): void {
    if (this.#ids.has(id)) return;
    this.#ids.add(id);
    this.add(name, reason);
  }
}

/** A live union of `before` and `live` that counts no sample and lists no problem twice. */
export function continued(before: Problems, live: Problems): Problems {
  const earlier = new Set(before.ids);
  return {
    get count() {
      const again = (live.ids ?? []).filter((id) => earlier.has(id)).length;
      return before.count + live.count - again;
    },
    get first() {
      const all = new ProblemLog();
      for (const { name, reason } of [...before.first, ...live.first]) all.add(name, reason);
      return all.first;
    },
    get ids() {
      return [...new Set([...earlier, ...(live.ids ?? [])])];
    },
  };
}

/** @throws CoupletError when more than `maxBadShare` of `seen` samples were bad */
export function checkBadShare(problems: Problems, seen: number, maxBadShare: number): void {
  if (problems.count <= maxBadShare * seen) return;
  const share = ((100 * problems.count) / Math.max(1, seen)).toFixed(1);
  throw new CoupletError(
    `${problems.count} of ${seen} samples (${share} %) could not be used; at most ${100 * maxBadShare} % is allowed.\n` +
      `${listProblems(problems)}\nMend the data${problems.count < seen ? ', or raise data.maxBadShare' : ''}.`,
  );
}

/** One problem a line. */
export function listProblems(problems: Problems): string {
  const lines = problems.first.map(
    ({ name, reason, samples }) => `  ${printable(name)}: ${printable(reason)}${lost(samples)}`,
  );
  const more = problems.count - problems.first.reduce((sum, { samples = 1 }) => sum + samples, 0);
  return [...lines, ...(more > 0 ? [`  ... and ${more} more`] : [])].join('\n');
}

const lost = (samples: number | undefined): string =>
  samples === undefined ? '' : ` (${samples.toLocaleString('en')} samples)`;

/** A file's name may hold commands to the terminal. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}

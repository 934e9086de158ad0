import { CoupletError } from '../../errors.ts';

export interface Problem {
  /** A path, or `archive.tar:member`. */
  name: string;
  reason: string;
}

export interface Problems {
  readonly count: number;
  readonly first: readonly Problem[];
}

const MAX_LISTED_PROBLEMS = 10;

export class ProblemLog implements Problems {
  count = 0;
  readonly first: Problem[] = [];

  add(name: string, reason: string, times = 1): void {
    this.count += times;
    const known = this.first.some((problem) => problem.name === name && problem.reason === reason);
    if (this.first.length < MAX_LISTED_PROBLEMS && !known) this.first.push({ name, reason });
  }

  addAll(problems: Problems): void {
    this.count += problems.count;
    this.first.push(...problems.first.slice(0, MAX_LISTED_PROBLEMS - this.first.length));
  }
}

/** A live sum of `before` and `live` that lists no problem twice. */
export function continued(before: Problems, live: Problems): Problems {
  return {
    get count() {
      return before.count + live.count;
    },
    get first() {
      const all = new ProblemLog();
      for (const { name, reason } of [...before.first, ...live.first]) all.add(name, reason);
      return all.first;
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
  const lines = problems.first.map(({ name, reason }) => `  ${name}: ${reason}`);
  const more = problems.count - problems.first.length;
  return [...lines, ...(more > 0 ? [`  ... and ${more} more`] : [])].join('\n');
}

import { existsSync, readFileSync } from 'node:fs';

/** The rows of a .jsonl file; none where there is no such file. */
export function readRows<Row>(path: string): Row[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Row);
}

/** What the seeds, or the settings, of one kind of run share: the name without its last number. */
export const groupOf = (name: string): string => name.replace(/-\d+$/, '');

/** Names of the runs that rows have as finished, be they a sweep's or those of docs/results; a row that does not say is. */
export function finishedIn(path: string): Set<string> {
  const rows = readRows<{ name: string; finished?: boolean }>(path);
  return new Set(rows.flatMap(({ name, finished = true }) => (finished ? [name] : [])));
}

export const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

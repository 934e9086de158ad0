import { existsSync, readFileSync } from 'node:fs';

/** The rows of a .jsonl file; none where there is no such file. */
export function readRows<Row>(path: string): Row[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Row);
}

/** The name without its last number, which is a seed or a setting. In `budget-` names that number is seconds and stays. */
export const groupOf = (name: string): string =>
  name.startsWith('budget-') ? name : name.replace(/-\d+$/, '');

/** Names of the finished runs in a sweep's results or in a file of docs/results/rows. */
export function finishedIn(path: string): Set<string> {
  const rows = readRows<{ name: string; finished?: boolean }>(path);
  return new Set(rows.flatMap(({ name, finished = true }) => (finished ? [name] : [])));
}

export const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

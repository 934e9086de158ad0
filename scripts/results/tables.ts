import { type Group, groupsOf, isSearch } from '../groups.ts';
import { mean, readRows } from '../rows.ts';
import type { Row } from '../sweep-rows.ts';

const ROWS = 'docs/results/rows';
/** By the column that rows have. */
const METRICS: Record<string, string> = {
  knnTop1: 'k-NN',
  zeroShotTop1: 'zero-shot top-1',
  meanRecall: 'mean recall',
};

export const rowsOf = (file: string): Row[] => readRows<Row>(`${ROWS}/${file}.jsonl`);

/** The metric that a row has, as a column and in words. */
export function metricOf(row: Row): { column: string; words: string } {
  const [column, words] = Object.entries(METRICS).find(([key]) => key in row)!;
  return { column, words };
}

/** All settings in a file of rows; a file of two metrics, such as that of earlier rules, by each. */
export function groupsIn(file: string, x?: string): Group[] {
  const rows = rowsOf(file);
  const columns = [...new Set(rows.map((row) => metricOf(row).column))];
  return columns.flatMap((column) =>
    groupsOf(
      rows.filter((row) => column in row),
      column,
      x,
    ),
  );
}

/** In percent, of one digit; halves are rounded up, as by hand. */
export const percent = (value: number): string => (Math.round(1000 * value + 1e-6) / 10).toFixed(1);

/** The best run of a search stands for it. */
export function resultOf({ name, finals }: Group): { value: number; lowest: number; highest: number } {
  const [lowest, highest] = [Math.min(...finals), Math.max(...finals)];
  return { value: isSearch(name) ? highest : mean(finals), lowest, highest };
}

/** Numbers stand right. Without spaces: nobody reads the source. */
export function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `|${cells.join('|')}|`;
  const rule = head.map((_, i) => (i === 0 ? '---' : '---:'));
  return [head, rule, ...rows].map(line).join('\n');
}

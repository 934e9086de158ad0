import { groupOf, mean } from './rows.ts';
import type { Row } from './sweep-rows.ts';

export interface Point {
  x: number;
  y: number;
}

/** The seeds of one setting. */
export interface Group {
  name: string;
  /** Runs that count: the first of each seed; all where each seed has equally many. */
  runs: Row[];
  /** Final values of these runs. */
  finals: number[];
  /** Mean over these runs. */
  curve: Point[];
  seeds: number;
  /** A run was stopped before its end. */
  isCut: boolean;
}

/** Rows by setting, in their order. `x` is samples or a column (seconds, epoch, step). */
export function groupsOf(rows: readonly Row[], column: string, x = 'samples'): Group[] {
  const keyOf = ({ name, rule }: Row) => `${groupOf(name)}${rule ? `, ${rule}` : ''}`;
  const keys = [...new Set(rows.map(keyOf))];
  return keys.map((name) => {
    const runs = counted(rows.filter((row) => keyOf(row) === name));
    const curves = runs.map((run) => curveOf(run, column, x));
    return {
      name,
      runs,
      finals: curves.map((curve) => curve.at(-1)!.y),
      curve: meanCurve(curves),
      seeds: new Set(runs.map(seedOf)).size,
      isCut: runs.some(({ finished }) => finished === false),
    };
  });
}

const seedOf = (row: Row) => row.seed;

/** Runs that differ in settings, to choose among: `tune-`, and `whole-` of icons. */
export const isSearch = (name: string): boolean => /tune|^whole-/.test(name);

function counted(runs: Row[]): Row[] {
  if (isSearch(runs[0]!.name)) return runs;
  const firsts = runs.filter((run, i) => runs.findIndex((other) => seedOf(other) === seedOf(run)) === i);
  const times = firsts.map((first) => runs.filter((run) => seedOf(run) === seedOf(first)).length);
  return new Set(times).size === 1 ? runs : firsts;
}

function curveOf(row: Row, column: string, x: string): Point[] {
  const xs = x === 'samples' ? row.step.map((step) => step * (row.batch ?? 1)) : (row[x] as number[]);
  return (row[column] as number[]).map((y, i) => ({ x: xs[i]!, y }));
}

/** At the points of the curve that has fewest. */
function meanCurve(curves: readonly Point[][]): Point[] {
  const points = Math.min(...curves.map(({ length }) => length));
  const shortest = curves.find(({ length }) => length === points)!;
  return shortest.map(({ x }, i) => ({
    x,
    y: mean(curves.map((curve) => (curve.length === points ? curve[i]!.y : heightAt(curve, x)))),
  }));
}

/** Between two points by a straight line. */
function heightAt(curve: readonly Point[], x: number): number {
  const index = curve.findIndex((point) => point.x >= x);
  if (index <= 0) return curve.at(index)!.y;
  const [a, b] = [curve[index - 1]!, curve[index]!];
  return a.y + ((x - a.x) / (b.x - a.x)) * (b.y - a.y);
}

/** Where a curve first reaches `height`, between two points by a straight line; undefined when it never does. */
export function reaches(curve: readonly Point[], height: number): number | undefined {
  const index = curve.findIndex(({ y }) => y >= height);
  if (index < 0) return undefined;
  if (index === 0) return curve[0]!.x;
  const [a, b] = [curve[index - 1]!, curve[index]!];
  return a.x + ((height - a.y) / (b.y - a.y)) * (b.x - a.x);
}

import { COLUMNS, column } from '../draws.ts';

/** Which rows of a batch each step changes, known on the host, so that a step runs on those and no others. */
export interface StepRows {
  /** Sorted by the hue's turn. */
  jitter: number[];
  /** How many of `jitter` have the turn 0, 1, 2, 3. */
  hueTurns: number[];
  grayscale: number[];
  blur: number[];
  solarize: number[];
}

/** @param draws [rows, COLUMNS] of drawPhotometric */
export function rowsOfSteps(draws: Float32Array): StepRows {
  const turns: number[][] = [[], [], [], []];
  const rows: StepRows = { jitter: [], hueTurns: [], grayscale: [], blur: [], solarize: [] };
  for (let row = 0, at = 0; at < draws.length; row++, at += COLUMNS) {
    const turn = draws[at + column.hueTurn]!;
    if (turn >= 0) turns[turn]!.push(row);
    if (draws[at + column.grayscale]! > 0) rows.grayscale.push(row);
    if (draws[at + column.sigma]! > 0) rows.blur.push(row);
    if (draws[at + column.solarize]! > 0) rows.solarize.push(row);
  }
  rows.jitter = turns.flat();
  rows.hueTurns = turns.map(({ length }) => length);
  return rows;
}

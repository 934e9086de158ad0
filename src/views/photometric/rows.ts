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
  const all = Array.from({ length: draws.length / COLUMNS }, (_, row) => row);
  const value = (row: number, which: number) => draws[row * COLUMNS + which]!;
  const turns = [0, 1, 2, 3].map((turn) => all.filter((row) => value(row, column.hueTurn) === turn));
  return {
    jitter: turns.flat(),
    hueTurns: turns.map((rows) => rows.length),
    grayscale: all.filter((row) => value(row, column.grayscale) > 0),
    blur: all.filter((row) => value(row, column.sigma) > 0),
    solarize: all.filter((row) => value(row, column.solarize) > 0),
  };
}

// Draws depend on seed, stream position and view, not on the ranks.
import { Draws } from '../data/random.ts';
import type { ColorJitterRecipe, ViewRecipe } from './recipe.ts';

/** Of a row of `drawPhotometric`. */
export const column = {
  /** Round before which the hue is shifted; 3: after all rounds; -1: no jitter. */
  hueTurn: 0,
  /** Three rounds of [amount, towards gray, towards the mean]; see `blend`. */
  rounds: 1,
  /** Shift in sixths of a turn. */
  hue: 10,
  /** 1 or 0. */
  grayscale: 11,
  /** Pixels; 0: no blur. */
  sigma: 12,
  /** 1 or 0. */
  solarize: 13,
} as const;
export const COLUMNS = 14;

/** No purpose of data/random.ts: crops and colours are independent. */
const PHOTOMETRIC_PURPOSE = 32;

/** [towards gray, towards the mean] of brightness, contrast and saturation. */
const TARGETS = [
  [0, 0],
  [0, 1],
  [1, 0],
] as const;

/** Orders of brightness (0), contrast (1) and saturation (2). */
const ORDERS = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
] as const;

/**
 * Draws for the views at `positions` of the sample stream. A step that the recipe leaves out takes its draws too: switching it off
 * does not change the others.
 * @returns [positions.length, COLUMNS]
 * @equation FastCL 7: f uniform in [max(0, 1 - strength), 1 + strength]; all 24 orders of the changes are equally likely
 */
export function drawPhotometric(
  recipe: ViewRecipe,
  options: { seed: number; positions: ArrayLike<number>; view: number },
): Float32Array {
  const { seed, positions, view } = options;
  const rows = new Float32Array(positions.length * COLUMNS);
  for (let i = 0; i < positions.length; i++) {
    drawRow({ rows, start: i * COLUMNS }, recipe, new Draws(seed, positions[i]!, view, PHOTOMETRIC_PURPOSE));
  }
  return rows;
}

const NO_BLUR = [0, 0] as const;

/** Cheaper than a subarray. */
interface Row {
  rows: Float32Array;
  start: number;
}

function drawRow(row: Row, recipe: ViewRecipe, draws: Draws): void {
  const { rows, start } = row;
  drawJitter(row, recipe.colorJitter, draws);
  rows[start + column.grayscale] = chance(recipe.grayscale, draws);
  const isBlurred = chance(recipe.blur?.probability, draws);
  const [least, most] = recipe.blur?.sigma ?? NO_BLUR;
  rows[start + column.sigma] = draws.between(least, most) * isBlurred;
  rows[start + column.solarize] = chance(recipe.solarize, draws);
}

/** One draw. */
function chance(probability: number | undefined, draws: Draws): 0 | 1 {
  return draws.unit() < (probability ?? 0) ? 1 : 0;
}

/** Six draws. */
function drawJitter(row: Row, jitter: ColorJitterRecipe | undefined, draws: Draws): void {
  const isJittered = chance(jitter?.probability, draws) === 1;
  const order = draws.below(24);
  const brightness = amount(jitter?.brightness, draws);
  const contrast = amount(jitter?.contrast, draws);
  const saturation = amount(jitter?.saturation, draws);
  const shift = 6 * draws.between(-1, 1) * (jitter?.hue ?? 0);
  if (isJittered) writeJitter(row, { order, amounts: [brightness, contrast, saturation], shift });
  else row.rows[row.start + column.hueTurn] = -1;
}

/**
 * @param jitter.order 0..23: 4 times the index in ORDERS, plus the hue's turn
 * @param jitter.amounts 1 - factor of brightness, contrast and saturation, @param jitter.shift sixths of a turn
 */
export function writeJitter(
  { rows, start }: Row,
  { order, amounts, shift }: { order: number; amounts: readonly number[]; shift: number },
): void {
  rows[start + column.hueTurn] = order % 4;
  rows[start + column.hue] = shift;
  const steps = ORDERS[Math.floor(order / 4)]!;
  for (let round = 0; round < 3; round++) {
    const step = steps[round]!;
    const offset = start + column.rounds + 3 * round;
    rows[offset] = amounts[step]!;
    rows[offset + 1] = TARGETS[step]![0];
    rows[offset + 2] = TARGETS[step]![1];
  }
}

/** 1 - factor, the factor uniform in [max(0, 1 - strength), 1 + strength]. */
function amount(strength = 0, draws: Draws): number {
  return draws.between(-strength, Math.min(1, strength));
}

export function concatFloats(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let start = 0;
  for (const part of parts) {
    all.set(part, start);
    start += part.length;
  }
  return all;
}

/** Rows that each step changes. */
export interface StepRows {
  /** Sorted by the hue's turn. */
  jitter: number[];
  /** Counts of turns 0, 1, 2, 3. */
  hueTurns: number[];
  grayscale: number[];
  blur: number[];
  solarize: number[];
}

/** @param draws [rows, COLUMNS] of drawPhotometric */
export function rowsOfSteps(draws: Float32Array): StepRows {
  const turns: number[][] = [[], [], [], []];
  const rows: StepRows = { jitter: [], hueTurns: [], grayscale: [], blur: [], solarize: [] };
  for (let row = 0, start = 0; start < draws.length; row++, start += COLUMNS) {
    const turn = draws[start + column.hueTurn]!;
    if (turn >= 0) turns[turn]!.push(row);
    if (draws[start + column.grayscale]! > 0) rows.grayscale.push(row);
    if (draws[start + column.sigma]! > 0) rows.blur.push(row);
    if (draws[start + column.solarize]! > 0) rows.solarize.push(row);
  }
  rows.jitter = turns.flat();
  rows.hueTurns = turns.map(({ length }) => length);
  return rows;
}

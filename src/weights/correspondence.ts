/** A tensor, or as `name: null` rows of zeros that a file does not store. */
export interface Part {
  name: string | null;
  shape: readonly number[];
}

/** The same numbers under Couplet's names and in a file: `ours` and `theirs` are each joined along the first dimension. */
export interface Correspondence {
  ours: readonly Part[];
  theirs: readonly Part[];
  /** Whether the file has the transposed matrix. */
  transposed?: boolean;
  /** Whether a file may lack it; Couplet's own value then stays. */
  optional?: boolean;
}

const part = (name: string, shape: readonly number[]): Part => ({ name, shape });

/** One tensor, maybe with other dimensions of one. */
export const same = (ours: string, theirs: string, shape: readonly number[], theirShape = shape) =>
  ({ ours: [part(ours, shape)], theirs: [part(theirs, theirShape)] }) satisfies Correspondence;

/** A matrix that the file has transposed. */
export const transposed = (ours: string, theirs: string, [rows, columns]: readonly [number, number]) =>
  ({
    ours: [part(ours, [rows, columns])],
    theirs: [part(theirs, [columns, rows])],
    transposed: true,
  }) satisfies Correspondence;

/** Weight and bias. Prefixes include the separator. */
export const pair = (ours: string, theirs: string, shape: readonly number[]): Correspondence[] => [
  same(`${ours}weight`, `${theirs}weight`, shape),
  same(`${ours}bias`, `${theirs}bias`, shape.slice(0, 1)),
];

/** Weights and biases that one side, or both, has in pieces of equal size. */
export function joinedPair(
  ours: readonly string[],
  theirs: readonly string[],
  shape: readonly number[],
): Correspondence[] {
  const pieces = (prefixes: readonly string[], kind: 'weight' | 'bias') =>
    prefixes.map((prefix) => {
      const rows = shape[0]! / prefixes.length;
      return part(`${prefix}${kind}`, kind === 'weight' ? [rows, ...shape.slice(1)] : [rows]);
    });
  return (['weight', 'bias'] as const).map((kind) => ({
    ours: pieces(ours, kind),
    theirs: pieces(theirs, kind),
  }));
}

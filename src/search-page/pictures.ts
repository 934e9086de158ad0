/** What a page shows and searches: rows of N pictures. */
export interface PagePictures {
  /** E, numbers of a vector. */
  readonly dim: number;
  /** [N, E], rows of unit length. */
  readonly vectors: Float32Array;
  /** [N] */
  readonly rows: readonly PictureRow[];
  /** The encoded picture of a row. Throws an Error when it cannot be read. */
  readPicture(row: number): Uint8Array | Promise<Uint8Array>;
}

export interface PictureRow {
  readonly caption?: string;
  readonly path?: string;
}

/** @returns at most `count` rows, evenly spread */
export function someRows(total: number, count: number): number[] {
  const most = Math.min(total, count);
  return Array.from({ length: most }, (_, i) => Math.floor((i * total) / most));
}

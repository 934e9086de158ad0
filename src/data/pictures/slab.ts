/** What a slab must hold: B rows on this rank. */
export interface SlabShape {
  rows: number;
  /** Side of the square pictures of each view, in pixels. */
  sides: readonly number[];
  /** Length of a tokenized caption; 0 when there is no tokenizer. */
  contextLength: number;
}

/** One batch in one piece of shared memory, which workers write and the trainer reads. */
export interface Slab {
  buffer: SharedArrayBuffer;
  /** For each view [rows, S, S, 3]. */
  views: Uint8Array[];
  /** [rows]; -1 in a row that could not be filled. */
  ids: BigInt64Array;
  /** [rows]; -1 without a label. */
  labels: Int32Array;
  /** [rows, 2]: width and height of the upright picture, in pixels. */
  sizes: Int32Array;
  /** [rows, contextLength] */
  tokens: Int32Array;
}

/** Bytes of one picture of side S. */
export const bytesOfSide = (side: number): number => side * side * 3;

export function createSlab(shape: SlabShape): Slab {
  const { rows, contextLength } = shape;
  return viewSlab(new SharedArrayBuffer(imageBytes(shape) + rows * (8 + 4 + 8 + 4 * contextLength)), shape);
}

/** All pictures, and what aligns the numbers after them. */
function imageBytes({ rows, sides }: SlabShape): number {
  return Math.ceil(sides.reduce((sum, side) => sum + rows * bytesOfSide(side), 0) / 8) * 8;
}

/** The same arrays on memory that came from another thread. */
export function viewSlab(buffer: SharedArrayBuffer, shape: SlabShape): Slab {
  const { rows, sides, contextLength } = shape;
  const start = imageBytes(shape);
  let at = 0;
  const views = sides.map((side) => {
    const bytes = rows * bytesOfSide(side);
    at += bytes;
    return new Uint8Array(buffer, at - bytes, bytes);
  });
  return {
    buffer,
    views,
    ids: new BigInt64Array(buffer, start, rows),
    labels: new Int32Array(buffer, start + rows * 8, rows),
    sizes: new Int32Array(buffer, start + rows * 12, rows * 2),
    tokens: new Int32Array(buffer, start + rows * 20, rows * contextLength),
  };
}

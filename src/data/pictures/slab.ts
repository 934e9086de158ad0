export interface SlabShape {
  rows: number;
  /** S of each view, in pixels. */
  sides: readonly number[];
  /** 0 without a tokenizer. */
  contextLength: number;
}

/** A batch that workers write and the trainer reads. */
export interface Slab {
  buffer: SharedArrayBuffer;
  /** For each view [rows, S, S, 3]. */
  views: Uint8Array[];
  /** [rows]; -1 in a row without a usable sample. */
  ids: BigInt64Array;
  /** [rows]; -1 without a label. */
  labels: Int32Array;
  /** [rows, 2]: width and height of the upright picture, in pixels. */
  sizes: Int32Array;
  /** [rows, contextLength] */
  tokens: Int32Array;
}

export const bytesOfSide = (side: number): number => side * side * 3;

export function createSlab(shape: SlabShape): Slab {
  const { rows, contextLength } = shape;
  return viewSlab(new SharedArrayBuffer(imageBytes(shape) + rows * (8 + 4 + 8 + 4 * contextLength)), shape);
}

/** Padded to align the numbers that follow. */
function imageBytes({ rows, sides }: SlabShape): number {
  return Math.ceil(sides.reduce((sum, side) => sum + rows * bytesOfSide(side), 0) / 8) * 8;
}

/** Arrays on another thread's memory. */
export function viewSlab(buffer: SharedArrayBuffer, shape: SlabShape): Slab {
  const { rows, sides, contextLength } = shape;
  const start = imageBytes(shape);
  let end = 0;
  const views = sides.map((side) => {
    const bytes = rows * bytesOfSide(side);
    end += bytes;
    return new Uint8Array(buffer, end - bytes, bytes);
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

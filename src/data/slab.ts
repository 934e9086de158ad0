/** What a slab must hold: B rows on this rank. */
export interface SlabShape {
  rows: number;
  views: number;
  /** Side of the square pictures, in pixels. */
  imageSize: number;
  /** Length of a tokenized caption; 0 when there is no tokenizer. */
  contextLength: number;
}

/** One batch in one piece of shared memory, which workers write and the trainer reads. */
export interface Slab {
  buffer: SharedArrayBuffer;
  /** [views * rows, S, S, 3], view-major. */
  images: Uint8Array;
  /** [rows]; -1 in a row that could not be filled. */
  ids: BigInt64Array;
  /** [rows]; -1 without a label. */
  labels: Int32Array;
  /** [rows, contextLength] */
  tokens: Int32Array;
}

export function createSlab(shape: SlabShape): Slab {
  const { rows, views, imageSize, contextLength } = shape;
  const images = Math.ceil((views * rows * imageSize * imageSize * 3) / 8) * 8;
  return viewSlab(new SharedArrayBuffer(images + rows * (8 + 4 + 4 * contextLength)), shape);
}

/** The same views on memory that came from another thread. */
export function viewSlab(buffer: SharedArrayBuffer, shape: SlabShape): Slab {
  const { rows, views, imageSize, contextLength } = shape;
  const bytes = views * rows * imageSize * imageSize * 3;
  const start = Math.ceil(bytes / 8) * 8;
  return {
    buffer,
    images: new Uint8Array(buffer, 0, bytes),
    ids: new BigInt64Array(buffer, start, rows),
    labels: new Int32Array(buffer, start + rows * 8, rows),
    tokens: new Int32Array(buffer, start + rows * 12, rows * contextLength),
  };
}

import type { Box, Size } from '../data/pictures/crop.ts';

/** Numbers of one sample and axis. */
export const AXIS_ROWS = 5;

export interface Cut {
  box: Box;
  flip: boolean;
}

export interface StoredSizes {
  original: Size;
  stored: Size;
}

/**
 * Crops of one view of B samples, [5, 2, B], columns before rows, in pixels of the stored picture:
 *   0 the box's first edge (the last when mirrored), less half a pixel
 *   1 pixels for each output pixel, negative when mirrored
 *   2 1 / stretch of the filter, 1 when enlarging
 *   3 the first pixel that may be read, 4 the one after the last.
 */
export class CropAxes {
  readonly numbers: Float32Array;
  readonly #batch: number;
  readonly #size: number;

  /** @param size side of the view, in pixels */
  constructor(batch: number, size: number) {
    this.numbers = new Float32Array(AXIS_ROWS * 2 * batch);
    this.#batch = batch;
    this.#size = size;
  }

  /** @param sizes those of the picture, when the box is of the original */
  set(row: number, { box, flip }: Cut, sizes?: StoredSizes): void {
    const x = sizes ? sizes.stored.width / sizes.original.width : 1;
    const y = sizes ? sizes.stored.height / sizes.original.height : 1;
    this.#axis(row, { start: box.x * x, length: box.width * x, flip });
    this.#axis(this.#batch + row, { start: box.y * y, length: box.height * y, flip: false });
  }

  #axis(index: number, { start, length, flip }: { start: number; length: number; flip: boolean }): void {
    const { numbers } = this;
    const stride = 2 * this.#batch;
    const scale = length / this.#size;
    numbers[index] = (flip ? start + length : start) - 0.5;
    numbers[stride + index] = flip ? -scale : scale;
    numbers[2 * stride + index] = scale > 1 ? 1 / scale : 1;
    numbers[3 * stride + index] = Math.floor(start + EDGE_TOLERANCE);
    numbers[4 * stride + index] = Math.ceil(start + length - EDGE_TOLERANCE);
  }
}

/** Pixels; shrinking a box may move its edge by a rounding error. */
const EDGE_TOLERANCE = 1e-6;

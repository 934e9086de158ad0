// What the device needs to know of a batch of crops: five numbers for each sample and axis. B samples.
import type { Box, Size } from '../data/pictures/crop.ts';

/** Where each number is; see device-crop.ts. */
export const AXIS_ROWS = 5;

/** One view of one sample: which part of its picture, and whether mirrored. */
export interface Cut {
  box: Box;
  flip: boolean;
}

/**
 * The crops of one view of a batch, [5, 2, B]: first of all columns, then of all rows,
 *   0 the centre of the box's first edge in pixels of the held picture, less half a pixel (that of the last edge when mirrored)
 *   1 pixels for each output pixel (negative when mirrored)
 *   2 1 / how far the filter is stretched, 1 when enlarging
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

  /**
   * Writes the crop of one sample.
   * @param pixels.picture the size that the box is meant for, @param pixels.held the size that is held: the box shrinks with it
   */
  set(row: number, { box, flip }: Cut, pixels?: { picture: Size; held: Size }): void {
    const x = pixels ? pixels.held.width / pixels.picture.width : 1;
    const y = pixels ? pixels.held.height / pixels.picture.height : 1;
    this.#axis(row, { start: box.x * x, length: box.width * x, flip });
    this.#axis(this.#batch + row, { start: box.y * y, length: box.height * y, flip: false });
  }

  #axis(at: number, { start, length, flip }: { start: number; length: number; flip: boolean }): void {
    const { numbers } = this;
    const stride = 2 * this.#batch;
    const scale = length / this.#size;
    numbers[at] = (flip ? start + length : start) - 0.5;
    numbers[stride + at] = flip ? -scale : scale;
    numbers[2 * stride + at] = scale > 1 ? 1 / scale : 1;
    numbers[3 * stride + at] = Math.floor(start + EDGE);
    numbers[4 * stride + at] = Math.ceil(start + length - EDGE);
  }
}

/** A box that was shrunk may end a rounding error past a pixel. */
const EDGE = 1e-6;

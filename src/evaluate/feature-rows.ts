import type { HostArray } from '../../native/native.d.ts';
import { type DType, noGrad, scope, type Tensor, zeros } from '../torch/index.ts';

/** One table on the device for the rows of many batches, so that features are in memory once. */
export class FeatureRows {
  readonly capacity: number;
  readonly #dtype: DType | undefined;
  #table: Tensor | undefined;
  #count = 0;

  /** @param dtype default that of the first rows */
  constructor(capacity: number, dtype?: DType) {
    this.capacity = capacity;
    this.#dtype = dtype;
  }

  get hasRows(): boolean {
    return this.#table !== undefined;
  }

  get count(): number {
    return this.#count;
  }

  /** Adds the result of `encode`, [B, ...]. */
  add(encode: () => Tensor): void {
    noGrad(() =>
      scope(() => {
        const rows = encode();
        const [count, ...rest] = rows.shape;
        const { device, dtype } = rows;
        this.#table ??= zeros([this.capacity, ...rest], { device, dtype: this.#dtype ?? dtype }).persist();
        this.#table.narrow(0, this.#count, count).copy_(rows);
        this.#count += count;
      }),
    );
  }

  /** Copies the rows to the host, which waits for the device, and empties the table. 16-bit floats are their bits. */
  take(): { data: HostArray; shape: readonly number[] } {
    const result = scope(() => {
      const rows = this.#table!.narrow(0, 0, this.#count);
      return { data: rows.toArray(), shape: rows.shape };
    });
    this.#count = 0;
    return result;
  }

  /** The rows, which the caller then disposes. */
  finish(): Tensor {
    const all = this.#table!.narrow(0, 0, this.#count);
    this.dispose();
    return all;
  }

  dispose(): void {
    this.#table?.dispose();
    this.#table = undefined;
  }
}

// n samples, K ranks, B samples of a global batch, b of them this rank's.

import { CoupletError } from '../../errors.ts';
import type { Ranks } from '../../ranks/index.ts';
import { noGrad, scope, type Tensor, tensor, zeros } from '../../torch/index.ts';
import * as ops from '../../torch/ops.ts';
import { allocateTable, tableSize } from './table-size.ts';

export interface TableOptions {
  datasetSize: number;
  /** Value of each column for an unseen sample. */
  fill: readonly number[];
  device: string;
  ranks: Ranks;
}

/** Places of each rank that are gathered at once, which bounds device memory. */
const PIECE_PLACES = 1 << 20;

/**
 * Numbers by sample id: FastCLIP's u and v2's temperatures. Rank r of K owns the ids with id mod K = r, at place id div K.
 * Rows of unseen samples are never written, so on the CPU they take no memory.
 * @equation FastCLIP 1.4: u by sample id, spread over ranks
 * @equation FastCLIP 4: FastCLIP, u: the batch's rows from their ranks (reduce-scatter), then all new values (all-gather); 16 (K - 1) b bytes, v2 72 (K - 1) b
 */
export class SampleTable {
  readonly #rows: Tensor; // [columns, places + 1]; the last place takes other ranks' rows
  readonly #visited: Tensor; // bool [places + 1]
  readonly #fill: Tensor; // [columns, 1]
  readonly #unseenRow: Tensor; // [columns, 1]; starts with -inf, which log(eps + u) never is
  readonly #size: number;
  readonly #places: number;
  readonly #ranks: Ranks;

  /** Throws a CoupletError when a share does not fit into memory. */
  constructor({ datasetSize, fill, device, ranks }: TableOptions) {
    const size = tableSize({ datasetSize, columns: fill.length, worldSize: ranks.worldSize });
    this.#size = datasetSize;
    this.#places = size.places;
    this.#ranks = ranks;
    const { rows, visited } = allocateTable(size, device);
    this.#rows = rows;
    this.#visited = visited;
    const column = (values: readonly number[]) => tensor([...values], [fill.length, 1], { device }).persist();
    this.#fill = column(fill);
    this.#unseenRow = column([Number.NEGATIVE_INFINITY, ...fill.slice(1)]);
  }

  /** This rank's live share. Rows of unseen samples are arbitrary. */
  get live(): { rows: Tensor; visited: Tensor } {
    return { rows: this.#rows, visited: this.#visited };
  }

  /** `mine`: bool [B], undefined when all are; `places`: int64 [B]. */
  #owned(ids: Tensor): { mine?: Tensor; places: Tensor } {
    const { rank, worldSize } = this.#ranks;
    if (worldSize === 1) return { places: ids };
    return {
      mine: ops.remainder_Scalar(ids, worldSize).eq(rank),
      places: ops.div_Scalar_mode(ids, worldSize, 'floor'),
    };
  }

  /** An out-of-range id would silently overwrite another sample's row. CUDA checks ids itself. */
  #checkIds(ids: Tensor): void {
    if (ids.device !== 'cpu') return;
    const values = ids.toArray() as BigInt64Array;
    const index = values.findIndex((id) => id < 0n || id >= this.#size);
    if (index < 0) return;
    const rank = Math.floor((index * this.#ranks.worldSize) / values.length);
    throw new CoupletError(
      `rank ${rank} has a sample with id ${values[index]}, but the data has ${this.#size} samples, from 0 to ${this.#size - 1}. Start every rank on the same data.`,
    );
  }

  /**
   * Rows of this rank's part of a batch: values [columns, b] and visited bool [b]. Collective.
   * @param ids [B], in the order of ranks.
   * @throws CoupletError on the CPU when an id is out of range
   * @equation FastCLIP 4: FastCLIP, u: the batch's rows from their ranks (reduce-scatter), then all new values (all-gather); 16 (K - 1) b bytes, v2 72 (K - 1) b
   */
  read(ids: Tensor): { values: Tensor; visited: Tensor } {
    this.#checkIds(ids);
    return noGrad(() => {
      const { mine, places } = this.#owned(ids);
      const stored = this.#rows.indexSelect(1, places);
      const storedVisited = this.#visited.indexSelect(0, places);
      if (!mine) return { values: ops.where_self(storedVisited, stored, this.#fill), visited: storedVisited };
      // Each id has one owner, and other ranks add zeros.
      const known = ops.where_self(storedVisited, stored, this.#unseenRow);
      const owned = ops.masked_fill_Scalar(known, mine.logicalNot(), 0).t.contiguous(); // [B, columns]
      const rows = this.#ranks.reduceScatter(owned, 'u').t;
      const visited = ops.ne_Scalar(rows.select(0, 0), Number.NEGATIVE_INFINITY);
      return { values: ops.where_self(visited, rows, this.#fill), visited };
    });
  }

  /** Overwrites the rows of ids [B] with values [columns, B]. Each rank keeps those that it owns. */
  write(ids: Tensor, values: Tensor): void {
    noGrad(() => {
      const { mine, places } = this.#owned(ids);
      const targets = mine ? ops.masked_fill_Scalar(places, mine.logicalNot(), this.#places) : places;
      ops.index_copy_(this.#rows, 1, targets, values.to('float32'));
      ops.index_fill__int_Scalar(this.#visited, 0, targets, 1);
    });
  }

  /** An empty whole table on the host: rows [columns, n], visited bool [n]. */
  whole(): { rows: Tensor; visited: Tensor } {
    return {
      rows: zeros([this.#rows.shape[0], this.#size]),
      visited: zeros([this.#size], { dtype: 'bool' }),
    };
  }

  /** The whole table on the host: rows [columns, n], visited bool [n]. Collective; new tensors. */
  gather(): { rows: Tensor; visited: Tensor } {
    const whole = this.whole();
    for (let from = 0; from < this.#places; from += PIECE_PLACES)
      scope(() =>
        noGrad(() => this.#gatherPiece(whole, { from, count: Math.min(PIECE_PLACES, this.#places - from) })),
      );
    return whole;
  }

  /** Places [from, from + count) of all ranks are ids [K from, K (from + count)). */
  #gatherPiece(
    whole: { rows: Tensor; visited: Tensor },
    { from, count }: { from: number; count: number },
  ): void {
    const { worldSize } = this.#ranks;
    const start = from * worldSize;
    const length = Math.min(count * worldSize, this.#size - start);
    const visited = this.#visited.narrow(0, from, count);
    const rows = ops.where_self(visited, this.#rows.narrow(1, from, count), this.#fill).t.contiguous();
    /** By rank [K, count, width] -> by id [length, width]. */
    const byId = (mine: Tensor, width: number) =>
      this.#ranks
        .allGather(mine, 'checkpoint')
        .reshape(worldSize, count, width)
        .transpose(0, 1)
        .reshape(worldSize * count, width)
        .narrow(0, 0, length);
    whole.rows.narrow(1, start, length).copy_(byId(rows, rows.shape[1]).t);
    whole.visited.narrow(0, start, length).copy_(byId(visited.to('uint8').contiguous(), 1).reshape(length));
  }

  /** Copies this rank's share of a whole table [columns, n]. */
  scatter({ rows, visited }: { rows: Tensor; visited: Tensor }): void {
    const { rank, worldSize } = this.#ranks;
    scope(() =>
      noGrad(() => {
        const device = this.#rows.device;
        const ids = ops.arange_start_step(rank, this.#size, worldSize, 'int64', undefined, rows.device);
        const count = ids.shape[0];
        this.#rows.narrow(1, 0, count).copy_(rows.indexSelect(1, ids).toDevice(device));
        this.#visited.narrow(0, 0, count).copy_(visited.indexSelect(0, ids).toDevice(device));
      }),
    );
  }

  dispose(): void {
    for (const tensor of [this.#rows, this.#visited, this.#fill, this.#unseenRow]) tensor.dispose();
  }
}

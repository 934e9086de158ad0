// n samples, K ranks, B samples of a global batch, b of this rank's part of it.

import { CoupletError } from '../../errors.ts';
import type { Ranks } from '../../ranks/index.ts';
import { noGrad, scope, type Tensor, tensor, zeros } from '../../torch/index.ts';
import * as ops from '../../torch/ops.ts';
import { allocateTable, tableSize } from './table-size.ts';

export interface TableOptions {
  datasetSize: number;
  /** Value of each column for a sample that was never seen. */
  fill: readonly number[];
  device: string;
  ranks: Ranks;
}

/** A table is gathered in pieces of so many places of each rank: what a checkpoint needs on the device beside the table. */
const PIECE = 1 << 20;

/**
 * Numbers that belong to samples, by id: FastCLIP's u, and v2's temperatures. Rank r of K keeps the ids with id mod K = r, at
 * place id div K, so each holds O(n / K); a batch's rows are fetched from their owners and handed back to them.
 * The rows of a sample that was never seen are not written at all: on the CPU they take no memory until they are.
 */
export class SampleTable {
  readonly #rows: Tensor; // [columns, places + 1]; the last place takes what belongs to other ranks
  readonly #visited: Tensor; // bool [places + 1]
  readonly #fill: Tensor; // [columns, 1]
  readonly #absent: Tensor; // the same, but -inf first, which log(eps + u) never is: how an owner says that a sample was never seen
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
    this.#absent = column([Number.NEGATIVE_INFINITY, ...fill.slice(1)]);
  }

  /** This rank's share, live; rows of samples that were never seen hold anything. */
  get live(): { rows: Tensor; visited: Tensor } {
    return { rows: this.#rows, visited: this.#visited };
  }

  /** bool [B]: whether this rank owns each id, undefined where it owns all; int64 [B]: where it keeps it. */
  #owned(ids: Tensor): { mine?: Tensor; places: Tensor } {
    const { rank, worldSize } = this.#ranks;
    if (worldSize === 1) return { places: ids };
    return {
      mine: ops.remainder_Scalar(ids, worldSize).eq(rank),
      places: ops.div_Scalar_mode(ids, worldSize, 'floor'),
    };
  }

  /**
   * An out-of-range id would silently overwrite another sample's row. Only on the CPU: a GPU would be waited for, and ends such a step
   * by itself.
   */
  #checkIds(ids: Tensor): void {
    if (ids.device !== 'cpu') return;
    const values = ids.toArray() as BigInt64Array;
    const at = values.findIndex((id) => id < 0n || id >= this.#size);
    if (at < 0) return;
    const rank = Math.floor((at * this.#ranks.worldSize) / values.length);
    throw new CoupletError(
      `rank ${rank} has a sample with id ${values[at]}, but the data has ${this.#size} samples, from 0 to ${this.#size - 1}. Start every rank on the same data.`,
    );
  }

  /**
   * The rows of this rank's part of a batch: values [columns, b] and visited bool [b].
   * @param ids [B], of all ranks, b of each in the order of ranks. Collective.
   * @throws CoupletError that names the rank, on the CPU, when an id is out of range
   */
  read(ids: Tensor): { values: Tensor; visited: Tensor } {
    this.#checkIds(ids);
    return noGrad(() => {
      const { mine, places } = this.#owned(ids);
      const stored = this.#rows.indexSelect(1, places);
      const seen = this.#visited.indexSelect(0, places);
      if (!mine) return { values: ops.where_self(seen, stored, this.#fill), visited: seen };
      // Each id has one owner: the sum of what owners give, and of zeros from the others, is its row.
      const known = ops.where_self(seen, stored, this.#absent);
      const given = ops.masked_fill_Scalar(known, mine.logicalNot(), 0).t.contiguous(); // [B, columns]
      const rows = this.#ranks.reduceScatter(given, 'u').t;
      const visited = ops.ne_Scalar(rows.select(0, 0), Number.NEGATIVE_INFINITY);
      return { values: ops.where_self(visited, rows, this.#fill), visited };
    });
  }

  /** Overwrites the rows of ids [B] with values [columns, B]; each rank keeps what it owns, without asking the device which. */
  write(ids: Tensor, values: Tensor): void {
    noGrad(() => {
      const { mine, places } = this.#owned(ids);
      const at = mine ? ops.masked_fill_Scalar(places, mine.logicalNot(), this.#places) : places;
      ops.index_copy_(this.#rows, 1, at, values.to('float32'));
      ops.index_fill__int_Scalar(this.#visited, 0, at, 1);
    });
  }

  /** A whole table on the host, to be filled: rows [columns, n], visited bool [n]. */
  whole(): { rows: Tensor; visited: Tensor } {
    return {
      rows: zeros([this.#rows.shape[0], this.#size]),
      visited: zeros([this.#size], { dtype: 'bool' }),
    };
  }

  /** The whole table by id, of all ranks, on the host: rows [columns, n], visited bool [n]. Collective; new tensors. */
  gather(): { rows: Tensor; visited: Tensor } {
    const whole = this.whole();
    for (let from = 0; from < this.#places; from += PIECE)
      scope(() =>
        noGrad(() => this.#gatherPiece(whole, { from, count: Math.min(PIECE, this.#places - from) })),
      );
    return whole;
  }

  /** Places [from, from + count) of all K ranks are ids [K from, K (from + count)), those beyond n left out. */
  #gatherPiece(
    whole: { rows: Tensor; visited: Tensor },
    { from, count }: { from: number; count: number },
  ): void {
    const { worldSize } = this.#ranks;
    const start = from * worldSize;
    const length = Math.min(count * worldSize, this.#size - start);
    const seen = this.#visited.narrow(0, from, count);
    const rows = ops.where_self(seen, this.#rows.narrow(1, from, count), this.#fill).t.contiguous();
    /** [K, count, width] in the order of ranks -> [length, width] in the order of ids. */
    const byId = (mine: Tensor, width: number) =>
      this.#ranks
        .allGather(mine, 'checkpoint')
        .reshape(worldSize, count, width)
        .transpose(0, 1)
        .reshape(worldSize * count, width)
        .narrow(0, 0, length);
    whole.rows.narrow(1, start, length).copy_(byId(rows, rows.shape[1]).t);
    whole.visited.narrow(0, start, length).copy_(byId(seen.to('uint8').contiguous(), 1).reshape(length));
  }

  /** Takes this rank's share of a whole table [columns, n]. */
  scatter({ rows, visited }: { rows: Tensor; visited: Tensor }): void {
    const { rank, worldSize } = this.#ranks;
    scope(() =>
      noGrad(() => {
        const device = this.#rows.device;
        const own = ops.arange_start_step(rank, this.#size, worldSize, 'int64', undefined, rows.device);
        const count = own.shape[0];
        this.#rows.narrow(1, 0, count).copy_(rows.indexSelect(1, own).toDevice(device));
        this.#visited.narrow(0, 0, count).copy_(visited.indexSelect(0, own).toDevice(device));
      }),
    );
  }

  dispose(): void {
    for (const tensor of [this.#rows, this.#visited, this.#fill, this.#absent]) tensor.dispose();
  }
}

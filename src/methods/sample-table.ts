import type { Ranks } from '../dist/index.ts';
import { noGrad, scope, type Tensor, zeros } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/**
 * Numbers that belong to samples, by id: FastCLIP's u, and v2's temperatures. Rank r of K keeps the ids with id mod K = r, at
 * place id div K, so each holds O(n / K); a batch's rows are fetched from their owners and handed back to them.
 */
export class SampleTable {
  readonly #rows: Tensor; // [columns, places + 1]; the last place takes what belongs to other ranks
  readonly #visited: Tensor; // bool [places + 1]
  readonly #size: number;
  readonly #places: number;
  readonly #ranks: Ranks;

  /** `fill`: what each column starts with. */
  constructor(options: { datasetSize: number; fill: readonly number[]; device: string; ranks: Ranks }) {
    const { datasetSize, fill, device, ranks } = options;
    this.#size = datasetSize;
    this.#places = Math.ceil(datasetSize / ranks.worldSize);
    this.#ranks = ranks;
    this.#rows = zeros([fill.length, this.#places + 1], { device }).persist();
    this.#visited = zeros([this.#places + 1], { dtype: 'bool', device }).persist();
    scope(() =>
      noGrad(() =>
        fill.forEach((value, column) => void ops.fill__Scalar(this.#rows.select(0, column), value)),
      ),
    );
  }

  /** This rank's share, live. */
  get live(): { rows: Tensor; visited: Tensor } {
    return { rows: this.#rows, visited: this.#visited };
  }

  /** bool [B]: whether this rank owns each id; int64 [B]: where it keeps it. */
  #owned(ids: Tensor): { mine: Tensor; places: Tensor } {
    const { rank, worldSize } = this.#ranks;
    if (worldSize === 1) return { mine: ids.eq(ids), places: ids };
    return {
      mine: ops.remainder_Scalar(ids, worldSize).eq(rank),
      places: ops.div_Scalar_mode(ids, worldSize, 'floor'),
    };
  }

  /** The rows of any ids [B], the same on every rank: values [columns, B] and visited bool [B]. */
  read(ids: Tensor): { values: Tensor; visited: Tensor } {
    return noGrad(() => {
      const { mine, places } = this.#owned(ids);
      const values = this.#rows.indexSelect(1, places);
      const visited = this.#visited.indexSelect(0, places);
      if (this.#ranks.worldSize === 1) return { values, visited };
      // Each id has one owner: the sum of what owners give, and of zeros from the others, is its row.
      const given = ops.cat([values, visited.to(values.dtype).unsqueeze(0)], 0);
      const all = this.#ranks.allReduceSum(ops.masked_fill_Scalar(given, mine.logicalNot(), 0), 'u');
      const columns = values.shape[0];
      return { values: all.narrow(0, 0, columns), visited: all.select(0, columns).gt(0.5) };
    });
  }

  /** Overwrites the rows of ids [B] with values [columns, B]; each rank keeps what it owns, without asking the device which. */
  write(ids: Tensor, values: Tensor): void {
    noGrad(() => {
      const { mine, places } = this.#owned(ids);
      const at = ops.masked_fill_Scalar(places, mine.logicalNot(), this.#places);
      ops.index_copy_(this.#rows, 1, at, values.to('float32'));
      ops.index_fill__int_Scalar(this.#visited, 0, at, 1);
    });
  }

  /** The whole table by id, of all ranks: rows [columns, n], visited bool [n]. Collective; new tensors. */
  gather(): { rows: Tensor; visited: Tensor } {
    const { worldSize } = this.#ranks;
    return scope(() => {
      const rows = this.#ranks.allGather(this.#rows.narrow(1, 0, this.#places).t.contiguous(), 'checkpoint'); // [K places, columns]
      const visited = this.#ranks.allGather(
        this.#visited.narrow(0, 0, this.#places).to('uint8').contiguous(),
        'checkpoint',
      );
      /** [K places, ...] in the order of ranks -> in the order of ids. */
      const byId = (all: Tensor, width: number) =>
        all
          .reshape(worldSize, this.#places, width)
          .transpose(0, 1)
          .reshape(worldSize * this.#places, width)
          .narrow(0, 0, this.#size);
      return {
        rows: byId(rows, this.#rows.shape[0]).t.clone(),
        visited: byId(visited, 1).reshape(this.#size).to('bool'),
      };
    });
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
    this.#rows.dispose();
    this.#visited.dispose();
  }
}

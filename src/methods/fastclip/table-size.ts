import { totalmem } from 'node:os';
import { CoupletError } from '../../errors.ts';
import { type Tensor, TorchError, zeros } from '../../torch/index.ts';
import * as ops from '../../torch/ops.ts';

export interface TableSize {
  datasetSize: number;
  columns: number;
  worldSize: number;
  /** Most samples of one rank. */
  places: number;
  /** One rank's share: a float32 for each column and a byte for `visited`. */
  bytes: number;
}

/** The share of each rank, with one place for other ranks' rows. */
export function tableSize({
  datasetSize,
  columns,
  worldSize,
}: Pick<TableSize, 'datasetSize' | 'columns' | 'worldSize'>): TableSize {
  const places = Math.ceil(datasetSize / worldSize);
  return { datasetSize, columns, worldSize, places, bytes: (places + 1) * (4 * columns + 1) };
}

/**
 * One rank's share: rows [columns, places + 1], uninitialised, and visited bool [places + 1], false.
 * Throws a CoupletError when it does not fit into memory.
 */
export function allocateTable(size: TableSize, device: string): { rows: Tensor; visited: Tensor } {
  if (device === 'cpu' && size.bytes > hostMemory()) throw tooLarge(size, device);
  const { columns, places } = size;
  try {
    const visited = zeros([places + 1], { dtype: 'bool', device }).persist();
    const rows = ops.empty_memory_format([columns, places + 1], 'float32', undefined, device).persist();
    return { rows, visited };
  } catch (error) {
    if (error instanceof TorchError && /memory/i.test(error.message)) throw tooLarge(size, device);
    throw error;
  }
}

/** Bytes that this process may use. */
function hostMemory(): number {
  const limit = process.constrainedMemory?.() ?? 0;
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

function tooLarge({ datasetSize, columns, worldSize, bytes }: TableSize, device: string): CoupletError {
  const samples = datasetSize.toLocaleString('en-US');
  const gigabytes = (bytes / 1e9).toFixed(1);
  const where = worldSize === 1 ? `on ${device}` : `on ${device} of each of ${worldSize} ranks`;
  return new CoupletError(
    `The table of ${samples} samples with ${columns} numbers each takes ${gigabytes} GB ${where}, which is more than there is. Use more ranks, or a version of fastclip that keeps less for each sample: v1 and v3 keep two numbers, v2 eight.`,
  );
}

import type { Columns } from '../data/dataset/columns.ts';
import type { Dataset } from '../data/index.ts';

/** Some samples of a data set, in index order: `ids` rise. Ids of the part are positions in it. */
export function partOf(dataset: Dataset, ids: Float64Array): Dataset {
  const { columns, rules } = dataset.index;
  const part = { ...pickRows(columns, ids), arena: columns.arena, size: ids.length };
  const starts = rules.map((rule) => ({ ...rule, start: ids.filter((id) => id < rule.start).length }));
  return { ...dataset, size: ids.length, index: { ...dataset.index, columns: part, rules: starts } };
}

type RowColumns = Omit<Columns, 'size' | 'arena'>;

function pickRows(columns: Columns, ids: Float64Array): RowColumns {
  const { size: _, arena: __, ...perRow } = columns;
  const picked = Object.entries(perRow).map(([name, column]) => [name, pick(column, ids)]);
  return Object.fromEntries(picked) as RowColumns;
}

/** In shared memory, as all columns are. */
function pick(column: RowColumns[keyof RowColumns], ids: Float64Array): RowColumns[keyof RowColumns] {
  const Column = column.constructor as new (buffer: SharedArrayBuffer) => typeof column;
  const picked = new Column(new SharedArrayBuffer(ids.length * column.BYTES_PER_ELEMENT));
  ids.forEach((id, row) => {
    picked[row] = column[id];
  });
  return picked;
}

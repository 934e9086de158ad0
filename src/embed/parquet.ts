import { join } from 'node:path';
import type { SchemaElement } from 'hyparquet';
import { type ColumnSource, fileWriter, ParquetWriter } from 'hyparquet-writer';
import { readNpyHeader } from '../io/npy.ts';
import { NpyRows } from '../io/npy-rows.ts';
import { systemFailure } from '../io/system-error.ts';
import { EMBED_FILES, type EmbedRecord } from './record.ts';
import { RowFile } from './row-file.ts';
import { nameOfRow, type Row } from './row-lines.ts';

/** Numbers of a group of rows, which is in memory at once. */
const GROUP_NUMBERS = 2 ** 21;

const text = (name: string): SchemaElement => ({
  name,
  type: 'BYTE_ARRAY',
  converted_type: 'UTF8',
  repetition_type: 'OPTIONAL',
});
/** As Arrow writes lists. Parquet knows none of a fixed size: every one has the same. */
const listOfFloats = (name: string): SchemaElement[] => [
  { name, repetition_type: 'REQUIRED', num_children: 1, converted_type: 'LIST' },
  { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
  { name: 'element', type: 'FLOAT', repetition_type: 'REQUIRED' },
];

const TEXT_COLUMNS: Readonly<Record<string, (row: Row) => string | undefined>> = {
  path: nameOfRow,
  caption: ({ caption }) => caption,
  class: (row) => row.class,
};

/** Writes embeddings.parquet from the arrays and lines of a folder: id, path, caption, class, embedding and, with texts, text_embedding. */
export async function writeParquet(folder: string, { rows, width, texts }: EmbedRecord): Promise<void> {
  const path = join(folder, EMBED_FILES.parquet);
  const arrays: [string, NpyRows][] = [];
  const lines = await RowFile.open(join(folder, EMBED_FILES.rows), rows);
  try {
    arrays.push(['embedding', await openArray(join(folder, EMBED_FILES.images))]);
    if (texts) arrays.push(['text_embedding', await openArray(join(folder, EMBED_FILES.texts))]);
    const schema: SchemaElement[] = [
      { name: 'root', num_children: 1 + Object.keys(TEXT_COLUMNS).length + arrays.length },
      { name: 'id', type: 'INT64', repetition_type: 'REQUIRED' },
      ...Object.keys(TEXT_COLUMNS).map(text),
      ...arrays.flatMap(([name]) => listOfFloats(name)),
    ];
    const writer = new ParquetWriter({ writer: fileWriter(path), schema, createdBy: 'couplet' });
    const groupRows = Math.max(1, Math.floor(GROUP_NUMBERS / width));
    for (let first = 0; first < rows; first += groupRows) {
      const count = Math.min(groupRows, rows - first);
      const group = Array.from({ length: count }, (_, row) => lines.row(first + row));
      await writer.write({
        columnData: [
          ...columnsOf(group),
          ...arrays.map(([name, array]) => listColumn(name, array, { first, count })),
        ],
        rowGroupSize: count,
      });
    }
    await writer.finish();
  } catch (cause) {
    throw systemFailure(cause, 'Cannot write', path);
  } finally {
    lines.close();
    for (const [, array] of arrays) array.close();
  }
}

const openArray = async (path: string): Promise<NpyRows> => new NpyRows(path, await readNpyHeader(path));

const columnsOf = (rows: readonly Row[]): ColumnSource[] => [
  { name: 'id', data: rows.map(({ id }) => BigInt(id)) },
  ...Object.entries(TEXT_COLUMNS).map(([name, of]) => ({ name, data: rows.map(of) })),
];

function listColumn(
  name: string,
  array: NpyRows,
  { first, count }: { first: number; count: number },
): ColumnSource {
  const { width } = array;
  const values = new Float32Array(count * width);
  array.read(first, values);
  const data = Array.from({ length: count }, (_, row) =>
    Array.from(values.subarray(row * width, (row + 1) * width)),
  );
  // Neither a dictionary nor compression makes random numbers smaller.
  return {
    name,
    data,
    encoding: 'PLAIN',
    codec: 'UNCOMPRESSED',
    statistics: false,
  };
}

import { CoupletError } from '../../errors.ts';
import { printable } from './problems.ts';

const MAX_NAMED_COLUMNS = 30;

/** Column names of a table. */
export interface Columns {
  image: string;
  caption: string | undefined;
  label: string | undefined;
}

interface NamedColumns {
  imageColumn?: string | undefined;
  captionColumn?: string | undefined;
  labelColumn?: string | undefined;
}

/** The first that exists is taken. */
type UsualColumns = Record<keyof Columns, readonly string[]>;

/**
 * The named columns, or the usual ones.
 * @param table path, for errors
 * @throws CoupletError when a named column or every image column is missing
 */
export function chooseColumns(
  table: string,
  columns: readonly string[],
  { named, usual }: { named: NamedColumns; usual: UsualColumns },
): Columns {
  const choose = (part: keyof Columns): string | undefined => {
    const option = `${part}Column` as const;
    const name = named[option];
    if (!name) return usual[part].find((column) => columns.includes(column));
    if (!columns.includes(name)) throw missingColumn(table, columns, { expected: `column ${name}`, option });
    return name;
  };
  const image = choose('image');
  const caption = choose('caption');
  const label = choose('label');
  if (image === undefined) {
    const expected = `a column named ${usual.image.join(', ')}`;
    throw missingColumn(table, columns, { expected, option: 'imageColumn' });
  }
  for (const name of [image, caption, label])
    if (name !== undefined && columns.indexOf(name) !== columns.lastIndexOf(name))
      throw new CoupletError(`\`${table}\` has two columns named ${name}. Rename one.`);
  return { image, caption, label };
}

/** The error with the columns that there are. */
export function missingColumn(
  table: string,
  columns: readonly string[],
  { expected, option }: { expected: string; option: string },
): CoupletError {
  const found = printable(columns.slice(0, MAX_NAMED_COLUMNS).join(', ')) || 'no column';
  return new CoupletError(
    `\`${table}\`: expected ${expected}, found ${found}. Set ${option} to one of these.`,
  );
}

import { CoupletError } from '../../errors.ts';

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
    if (!columns.includes(name)) throw missing(`column ${name}`, option);
    return name;
  };
  const missing = (expected: string, option: keyof NamedColumns): CoupletError =>
    new CoupletError(
      `\`${table}\`: expected ${expected}, found ${columns.join(', ') || 'no column'}. Set ${option} to one of these.`,
    );
  const image = choose('image');
  const caption = choose('caption');
  const label = choose('label');
  if (image === undefined) throw missing(`a column named ${usual.image.join(', ')}`, 'imageColumn');
  return { image, caption, label };
}

import { CoupletError } from '../../../errors.ts';

/** The columns of a table that training reads. */
export interface Columns {
  image: string;
  caption: string | undefined;
  label: string | undefined;
}

/** What a person named. */
interface Given {
  imageColumn?: string | undefined;
  captionColumn?: string | undefined;
  labelColumn?: string | undefined;
}

/** Names that are looked for when nothing was named, the first that exists. */
type Usual = Record<keyof Columns, readonly string[]>;

interface Where {
  /** The table, as errors call it. */
  source: string;
  columns: readonly string[];
}

/**
 * The columns that a person named, or the usual ones.
 * @throws CoupletError that lists the columns and names the option, when a named one is missing or there is no image column
 */
export function chooseColumns(where: Where, given: Given, usual: Usual): Columns {
  const { imageColumn, captionColumn, labelColumn } = given;
  const image = pick(where, { option: 'imageColumn', given: imageColumn, usual: usual.image });
  const caption = pick(where, { option: 'captionColumn', given: captionColumn, usual: usual.caption });
  const label = pick(where, { option: 'labelColumn', given: labelColumn, usual: usual.label });
  if (image === undefined) throw missing(where, `a column named ${usual.image.join(', ')}`, 'imageColumn');
  return { image, caption, label };
}

function pick(
  where: Where,
  { option, given, usual }: { option: keyof Given; given: string | undefined; usual: readonly string[] },
): string | undefined {
  if (!given) return usual.find((name) => where.columns.includes(name));
  if (!where.columns.includes(given)) throw missing(where, `column ${given}`, option);
  return given;
}

const missing = ({ source, columns }: Where, expected: string, option: keyof Given): CoupletError =>
  new CoupletError(
    `${source}: expected ${expected}, found ${columns.join(', ') || 'no column'}. Set ${option} to one of these.`,
  );

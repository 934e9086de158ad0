import { CoupletError } from '../../errors.ts';
import type { TextLine } from './text-lines.ts';

export interface TableRow {
  fields: string[];
  line: number;
  /** U+FFFD in it may stand for bytes that are no UTF-8. */
  damaged: boolean;
}

export interface BadRow {
  line: number;
  reason: string;
}

/** Longer texts in quotation marks are taken as a stray quotation mark. */
const MAX_ROW_LINES = 200;
const MAX_ROW_CHARACTERS = 1 << 20;
const DELIMITERS = [',', ';', '\t', '|'];
const PICTURE = /\.(jpe?g|png|webp|gif|bmp|tiff?|avif|heic|svg)\s*$/i;

/**
 * A comma-separated or tab-separated table (RFC 4180). Quoted texts may have line ends. A quotation mark that opens no quoted text
 * is a letter: texts without quoting, such as `"Fountain" by Duchamp` or `"24 inch`, lose no rows.
 */
export class Table {
  readonly columns: readonly string[];
  readonly #delimiter: string;
  readonly #lines: LineQueue;
  /** Index of the column of picture paths, which tells a row from a line of a text. */
  imageColumn = 0;

  /** @throws CoupletError for an empty file */
  constructor(path: string, lines: Iterator<TextLine>) {
    this.#lines = new LineQueue(lines);
    const header = this.#lines.nextFilled();
    if (!header)
      throw new CoupletError(
        `\`${path}\` is empty: expected the names of columns in its first line, and then a row for each picture.`,
      );
    this.#delimiter = /\.tsv$/i.test(path) ? '\t' : delimiterOf(header.text);
    this.columns = lineFields(header.text, this.#delimiter).map((name) => name.trim());
  }

  *rows(): Generator<TableRow | BadRow> {
    for (let line = this.#lines.next(); line; line = this.#lines.next()) {
      if (line.tooLong) {
        yield {
          line: line.number,
          reason: 'the line is too long: a quotation mark or line end may be missing',
        };
        continue;
      }
      const row = this.#row(line);
      const { fields } = row;
      while (fields.length > this.columns.length && fields.at(-1)!.trim() === '') fields.pop();
      if (fields.every((field) => field.trim() === '')) continue;
      if (fields.length === this.columns.length) yield row;
      else
        yield {
          line: line.number,
          reason: `the row has ${fields.length} fields, expected ${this.columns.length}`,
        };
    }
  }

  #row({ text, number, damaged }: TextLine): TableRow {
    const fields = splitFields(text, this.#delimiter);
    if (fields !== 'open') return { fields: fields as string[], line: number, damaged };
    return (
      this.#multiline(text, number, damaged) ?? {
        fields: lineFields(text, this.#delimiter),
        line: number,
        damaged,
      }
    );
  }

  /** The row with the lines that its open quotation mark takes in; undefined when the mark is a stray one. */
  #multiline(text: string, line: number, damaged: boolean): TableRow | undefined {
    let joined = text;
    let someDamaged = damaged;
    for (let ahead = 0; ahead < MAX_ROW_LINES && joined.length < MAX_ROW_CHARACTERS; ahead++) {
      const next = this.#lines.peek(ahead);
      if (!next || next.tooLong || this.#looksLikeRow(next.text)) return undefined;
      joined += `\n${next.text}`;
      someDamaged ||= next.damaged;
      if (!next.text.includes('"')) continue;
      const fields = splitFields(joined, this.#delimiter);
      if (fields === 'open') continue;
      if (fields === 'broken' || fields.length !== this.columns.length) return undefined;
      this.#lines.drop(ahead + 1);
      return { fields, line, damaged: someDamaged };
    }
    return undefined;
  }

  /** A line of a caption hardly has the right number of fields with the name of a picture at the right place. */
  #looksLikeRow(text: string): boolean {
    const fields = lineFields(text, this.#delimiter);
    return fields.length === this.columns.length && PICTURE.test(fields[this.imageColumn]!);
  }
}

/** The one that gives most columns. */
function delimiterOf(header: string): string {
  const counts = DELIMITERS.map((delimiter) => lineFields(header, delimiter).length);
  return DELIMITERS[counts.indexOf(Math.max(...counts))]!;
}

/** Of one line: a quotation mark that is not closed is a letter. */
function lineFields(text: string, delimiter: string): string[] {
  return splitFields(text, delimiter, { openIsLiteral: true }) as string[];
}

/** `open`: a quoted field does not end. `broken`: a line ends outside of a quoted field. */
function splitFields(
  text: string,
  delimiter: string,
  { openIsLiteral = false } = {},
): string[] | 'open' | 'broken' {
  if (!text.includes('"')) return text.split(delimiter);
  const fields: string[] = [];
  for (let start = 0; ; ) {
    const closing = text[start] === '"' ? closingQuote(text, start, delimiter) : 'literal';
    if (closing === 'open' && !openIsLiteral) return 'open';
    const isQuoted = typeof closing === 'number';
    const delimiterAt = isQuoted ? closing + 1 : text.indexOf(delimiter, start);
    const end = delimiterAt < 0 ? text.length : delimiterAt;
    const field = isQuoted ? text.slice(start + 1, closing).replaceAll('""', '"') : text.slice(start, end);
    if (!isQuoted && field.includes('\n')) return 'broken';
    fields.push(field);
    if (end >= text.length) return fields;
    start = end + delimiter.length;
  }
}

/** Place of the quotation mark that closes the one at `start`; `literal` when what follows it is no delimiter. */
function closingQuote(text: string, start: number, delimiter: string): number | 'open' | 'literal' {
  for (let place = text.indexOf('"', start + 1); place >= 0; place = text.indexOf('"', place + 2)) {
    if (text[place + 1] === '"') continue;
    return place + 1 === text.length || text.startsWith(delimiter, place + 1) ? place : 'literal';
  }
  return 'open';
}

/** Lines, some of which were looked at before they were taken. */
class LineQueue {
  readonly #source: Iterator<TextLine>;
  readonly #ahead: TextLine[] = [];

  constructor(source: Iterator<TextLine>) {
    this.#source = source;
  }

  next(): TextLine | undefined {
    return this.#ahead.shift() ?? this.#read();
  }

  /** The first that is not blank. */
  nextFilled(): TextLine | undefined {
    let line = this.next();
    while (line?.text.trim() === '') line = this.next();
    return line;
  }

  peek(ahead: number): TextLine | undefined {
    while (this.#ahead.length <= ahead) {
      const line = this.#read();
      if (!line) return undefined;
      this.#ahead.push(line);
    }
    return this.#ahead[ahead];
  }

  drop(count: number): void {
    this.#ahead.splice(0, count);
  }

  #read(): TextLine | undefined {
    const { value, done } = this.#source.next();
    return done ? undefined : value;
  }
}

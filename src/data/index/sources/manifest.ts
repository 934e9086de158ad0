import { createReadStream, existsSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { createInterface } from 'node:readline';
import { parse } from 'csv-parse';
import { CoupletError } from '../../../errors.ts';
import { type Classes, LabelReader, loadClasses } from '../classes.ts';
import type { IndexedSource, IndexWriter } from '../index-writer.ts';
import type { ManifestSource } from '../source.ts';
import { type Columns, chooseColumns } from './column.ts';

type Fields = Record<string, unknown>;

/** How many paths are looked up when the manifest is opened, to tell a wrong root from a few lost files. */
const LOOKED_UP = 100;

/**
 * A .csv, .tsv or .jsonl manifest. Files are not looked for here (ten million look-ups take minutes): a missing one is found, counted and
 * replaced while training.
 * @throws CoupletError when the manifest cannot be read, has no image column, or none of its first images exists
 */
export async function indexManifest(source: ManifestSource, writer: IndexWriter): Promise<IndexedSource> {
  let columns: Columns | undefined;
  const root = source.root ?? dirname(source.path);
  const labels = new ManifestLabels(source, writer);
  let captioned = false;
  const firstPaths: string[] = [];
  for await (const fields of rows(source, writer)) {
    columns ??= chooseColumns(
      { source: `manifest ${source.path}`, columns: Object.keys(fields) },
      source,
      USUAL_COLUMNS,
    );
    const { image, caption, label } = columns; // decided by the first row
    const name = textOf(fields[image]);
    if (name === undefined) {
      writer.problems.add(`${source.path}: row ${writer.columns.size + 1}`, `no path in column ${image}`);
      continue;
    }
    const path = isAbsolute(name) ? name : join(root, name);
    if (firstPaths.length < LOOKED_UP) firstPaths.push(path);
    const text = caption && textOf(fields[caption]);
    captioned ||= text !== undefined;
    writer.addFile(path, label ? labels.read(fields[label], path) : -1, text);
  }
  checkRoot(firstPaths, source, root);
  const { classes, labelled } = labels.finish();
  return {
    name: `manifest ${source.path}`,
    classes,
    captioned,
    labelled,
    templates: source.templates,
    captionKey: '',
  };
}

const USUAL_COLUMNS = {
  image: ['filepath', 'path', 'image', 'image_path'],
  caption: ['title', 'caption', 'text'],
  label: [],
};

/** Labels of a manifest: numbers, names that are given, or names that it makes up (sorted when all are known). */
class ManifestLabels {
  readonly #reader: LabelReader;
  readonly #writer: IndexWriter;
  readonly #start: number;
  readonly #found = new Map<string, number>();
  #labelled = false;

  constructor(source: ManifestSource, writer: IndexWriter) {
    this.#reader = new LabelReader(loadClasses(source.classNames));
    this.#writer = writer;
    this.#start = writer.columns.size;
  }

  read(value: unknown, name: string): number {
    const text = textOf(value);
    if (text === undefined) return -1;
    const label = this.#reader.classes ? this.#reader.read(text) : this.#invent(text);
    if (label === undefined) this.#writer.problems.add(name, `label ${text} is none of the class names`);
    this.#labelled ||= label !== undefined;
    return label ?? -1;
  }

  #invent(text: string): number {
    const known = this.#found.get(text);
    if (known !== undefined) return known;
    this.#found.set(text, this.#found.size);
    return this.#found.size - 1;
  }

  finish(): { classes: Classes | undefined; labelled: boolean } {
    const { classes } = this.#reader;
    if (classes || this.#found.size === 0) return { classes, labelled: this.#labelled };
    const texts = [...this.#found.keys()].sort();
    const numbered = texts.every((text) => /^\d+$/.test(text));
    const labels = new Map(
      texts.map((text, place) => [this.#found.get(text)!, numbered ? Number(text) : place]),
    );
    this.#writer.columns.relabel(this.#start, (label) => labels.get(label) ?? -1);
    return {
      classes: numbered ? undefined : texts.map((text) => [text.replaceAll('_', ' ')]),
      labelled: true,
    };
  }
}

/** undefined for what is empty. */
function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  const text = String(value).trim();
  return text === '' ? undefined : text;
}

function checkRoot(paths: readonly string[], source: ManifestSource, root: string): void {
  if (paths.length === 0 || paths.some((path) => existsSync(path))) return;
  throw new CoupletError(
    `manifest ${source.path}: none of its first ${paths.length} images exists; the first is ${paths[0]}. ` +
      `Relative paths were taken from ${root}: set root to the folder they are relative to.`,
  );
}

async function* rows(source: ManifestSource, writer: IndexWriter): AsyncGenerator<Fields> {
  if (!existsSync(source.path)) throw new CoupletError(`manifest source: there is no file ${source.path}.`);
  if (/\.jsonl$|\.ndjson$/i.test(source.path)) yield* jsonRows(source.path, writer);
  else if (/\.[ct]sv$/i.test(source.path)) yield* tableRows(source.path, writer);
  else throw new CoupletError(`manifest ${source.path}: expected a name that ends in .csv, .tsv or .jsonl.`);
}

async function* jsonRows(path: string, writer: IndexWriter): AsyncGenerator<Fields> {
  let line = 0;
  for await (const text of createInterface({
    input: createReadStream(path),
    crlfDelay: Number.POSITIVE_INFINITY,
  })) {
    line++;
    if (text.trim() === '') continue;
    const fields = parseObject(text);
    if (fields) yield fields;
    else writer.problems.add(`${path}: line ${line}`, 'not a JSON object');
  }
}

function parseObject(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}

function tableRows(path: string, writer: IndexWriter): AsyncIterable<Fields> {
  const parser = parse({
    columns: true,
    bom: true,
    delimiter: /\.tsv$/i.test(path) ? '\t' : ',',
    relax_quotes: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    on_skip: (error) => {
      writer.problems.add(`${path}: line ${error?.lines ?? '?'}`, error?.message ?? 'not a row');
      return undefined;
    },
  });
  return createReadStream(path).pipe(parser);
}

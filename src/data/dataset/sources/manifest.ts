import { createReadStream, existsSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { createInterface } from 'node:readline';
import { parse } from 'csv-parse';
import { z } from 'zod';
import { CoupletError } from '../../../errors.ts';
import { type Classes, LabelReader, loadClasses } from '../classes.ts';
import type { IndexedSource, IndexWriter } from '../index-writer.ts';
import {
  classNamesOption,
  columnOption,
  defineSource,
  doesNotExist,
  pathOption,
  templatesOption,
} from '../source.ts';
import { type Columns, chooseColumns } from '../table-columns.ts';

type Fields = Record<string, unknown>;

/** Looked up to tell a wrong root from a few lost files. */
const CHECKED_PATHS = 100;

const USUAL_COLUMNS = {
  image: ['filepath', 'path', 'image', 'image_path'],
  caption: ['title', 'caption', 'text'],
  label: [],
};

const options = {
  path: pathOption.describe('a .csv, .tsv, .jsonl or .ndjson file, one picture a row'),
  imageColumn: columnOption.describe(
    `column of picture paths; default the first of ${USUAL_COLUMNS.image.join(', ')}`,
  ),
  captionColumn: columnOption.describe(
    `column of captions; default the first of ${USUAL_COLUMNS.caption.join(', ')}`,
  ),
  labelColumn: columnOption.describe('column of labels: class numbers or class names'),
  root: z.string().optional().describe("folder of relative picture paths; default the manifest's folder"),
  classNames: classNamesOption,
  templates: templatesOption,
};
type ManifestOptions = z.output<z.ZodObject<typeof options>>;

/** Does not look for all pictures, which takes minutes for millions: training replaces those that are missing. */
export const manifest = defineSource({
  type: 'manifest',
  summary: 'a table of paths and captions (or labels)',
  paths: /\.([ct]sv|jsonl|ndjson)$/i,
  options,
  async index(source, writer): Promise<IndexedSource> {
    const { path: manifestPath, root = dirname(manifestPath) } = source;
    const labels = new ManifestLabels(source, writer);
    const firstPaths: string[] = [];
    let columns: Columns | undefined;
    let captioned = false;
    for await (const fields of rows(manifestPath, writer)) {
      columns ??= chooseColumns(manifestPath, Object.keys(fields), { named: source, usual: USUAL_COLUMNS });
      const { image, caption, label } = columns;
      const name = textOf(fields[image]);
      if (name === undefined) {
        writer.problems.add(`${manifestPath}: row ${writer.columns.size + 1}`, `no path in column ${image}`);
        continue;
      }
      const path = isAbsolute(name) ? name : join(root, name);
      if (firstPaths.length < CHECKED_PATHS) firstPaths.push(path);
      const text = caption && textOf(fields[caption]);
      captioned ||= text !== undefined;
      writer.addFile(path, label ? labels.read(fields[label], path) : -1, text);
    }
    checkRoot(firstPaths, manifestPath, root);
    return { ...labels.finish(), captioned };
  },
});

/** Without `classNames` the names that occur are the classes, sorted. */
class ManifestLabels {
  readonly #reader: LabelReader;
  readonly #writer: IndexWriter;
  readonly #start: number;
  readonly #numbers = new Map<string, number>();
  #labelled = false;

  constructor(source: ManifestOptions, writer: IndexWriter) {
    this.#reader = new LabelReader(loadClasses(source.classNames));
    this.#writer = writer;
    this.#start = writer.columns.size;
  }

  read(value: unknown, name: string): number {
    const text = textOf(value);
    if (text === undefined) return -1;
    const label = this.#reader.classes ? this.#reader.read(text) : this.#newLabel(text);
    if (label === undefined) this.#writer.problems.add(name, `label ${text} is not one of the class names`);
    this.#labelled ||= label !== undefined;
    return label ?? -1;
  }

  #newLabel(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    this.#numbers.set(text, this.#numbers.size);
    return this.#numbers.size - 1;
  }

  finish(): { classes: Classes | undefined; labelled: boolean } {
    const { classes } = this.#reader;
    if (classes || this.#numbers.size === 0) return { classes, labelled: this.#labelled };
    const texts = [...this.#numbers.keys()].sort();
    const numbered = texts.every((text) => /^\d+$/.test(text));
    const labels = new Map(
      texts.map((text, index) => [this.#numbers.get(text)!, numbered ? Number(text) : index]),
    );
    this.#writer.columns.relabel(this.#start, (label) => labels.get(label) ?? -1);
    return {
      classes: numbered ? undefined : texts.map((text) => [text.replaceAll('_', ' ')]),
      labelled: true,
    };
  }
}

function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  const text = String(value).trim();
  return text === '' ? undefined : text;
}

function checkRoot(paths: readonly string[], manifestPath: string, root: string): void {
  if (paths.length === 0 || paths.some((path) => existsSync(path))) return;
  throw new CoupletError(
    `none of the first ${paths.length} images of \`${manifestPath}\` exists. The first is \`${paths[0]}\`.\n` +
      `Relative paths were taken from \`${root}\`: set root to the folder that they are relative to.`,
  );
}

async function* rows(path: string, writer: IndexWriter): AsyncGenerator<Fields> {
  if (!existsSync(path)) throw doesNotExist('file', path);
  if (/\.jsonl$|\.ndjson$/i.test(path)) yield* jsonRows(path, writer);
  else if (/\.[ct]sv$/i.test(path)) yield* tableRows(path, writer);
  else throw new CoupletError(`\`${path}\`: expected a name that ends in .csv, .tsv or .jsonl.`);
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

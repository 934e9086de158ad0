import { existsSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { CoupletError } from '../../../errors.ts';
import { systemFailure } from '../../../io/system-error.ts';
import { loadClasses, NO_LABEL } from '../classes.ts';
import type { IndexedSource, IndexWriter } from '../index-writer.ts';
import { SourceLabels } from '../labels.ts';
import {
  classNamesOption,
  columnOption,
  defineSource,
  doesNotExist,
  pathOption,
  refuseUrl,
  templatesOption,
} from '../source.ts';
import { chooseColumns, missingColumn } from '../table-columns.ts';
import { Table } from '../table-rows.ts';
import { textLines } from '../text-lines.ts';
import { isUnreadable, pathIn } from '../values.ts';

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

/** What a row says, with its line. */
interface Entry {
  line: number;
  image: unknown;
  caption: unknown;
  label: unknown;
  damaged: boolean;
}

/** Does not look for all pictures, which takes minutes for millions: training replaces those that are missing. */
export const manifest = defineSource({
  type: 'manifest',
  summary: 'a table of paths and captions (or labels)',
  paths: /\.([ct]sv|jsonl|ndjson)$/i,
  options,
  index(source, writer): IndexedSource {
    const { path: manifestPath, root = dirname(manifestPath) } = source;
    checkFile(manifestPath);
    const start = writer.columns.size;
    const labels = new SourceLabels(writer, loadClasses(source.classNames));
    let captioned = false;
    for (const { line, image, caption, label, damaged } of entries(source, writer)) {
      const sample = () => `${manifestPath}: line ${line}`;
      const name = pathIn(image, damaged);
      if (name === undefined || isUnreadable(name)) {
        writer.problems.add(sample(), name?.unreadable ?? 'no path of a picture');
        continue;
      }
      const text = writer.caption(caption, sample, damaged);
      captioned ||= text.length > 0;
      if (writer.columns.size === start) refuseUrl(name);
      const path = isAbsolute(name) ? name : join(root, name);
      writer.addFile(path, label === undefined ? NO_LABEL : labels.read(label, sample, damaged), text);
    }
    checkRoot(writer, { start, manifestPath, root });
    return { ...labels.finish(), captioned };
  },
});

function checkFile(path: string): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) throw doesNotExist('file', path);
  if (stat.isDirectory())
    throw new CoupletError(
      `\`${path}\` is a folder: expected a .csv, .tsv or .jsonl file. For a folder of pictures use the type folder.`,
    );
  if (!/\.([ct]sv|jsonl|ndjson)$/i.test(path))
    throw new CoupletError(`\`${path}\`: expected a name that ends in .csv, .tsv or .jsonl.`);
}

/** Of pictures spread evenly over the rows, one must exist. */
function checkRoot(
  writer: IndexWriter,
  { start, manifestPath, root }: { start: number; manifestPath: string; root: string },
): void {
  const rows = writer.columns.size - start;
  const checked = Math.min(CHECKED_PATHS, rows);
  const paths = Array.from({ length: checked }, (_, k) =>
    writer.path(start + Math.floor((k * rows) / checked)),
  );
  if (checked === 0 || paths.some((path) => existsSync(path))) return;
  throw new CoupletError(
    `none of ${checked} pictures of \`${manifestPath}\` exists. The first is \`${paths[0]}\`.\n` +
      `Relative paths were taken from \`${root}\`: set root to the folder that they are relative to.`,
  );
}

function* entries(source: ManifestOptions, writer: IndexWriter): Generator<Entry> {
  const rows = /\.(jsonl|ndjson)$/i.test(source.path) ? jsonEntries : tableEntries;
  try {
    yield* rows(source, writer);
  } catch (error) {
    throw systemFailure(error, 'Cannot read', source.path);
  }
}

function* tableEntries(source: ManifestOptions, writer: IndexWriter): Generator<Entry> {
  const { path } = source;
  const table = new Table(path, textLines(path));
  const columns = chooseColumns(path, table.columns, { named: source, usual: USUAL_COLUMNS });
  const place = (name: string | undefined) => (name === undefined ? -1 : table.columns.indexOf(name));
  const [image, caption, label] = [place(columns.image), place(columns.caption), place(columns.label)];
  table.imageColumn = image;
  for (const row of table.rows()) {
    if ('reason' in row) writer.problems.add(`${path}: line ${row.line}`, row.reason);
    else {
      const { fields, line, damaged } = row;
      yield { line, image: fields[image], caption: fields[caption], label: fields[label], damaged };
    }
  }
}

/** Rows may have different fields: each has its caption in the first usual field that it has. */
function* jsonEntries(source: ManifestOptions, writer: IndexWriter): Generator<Entry> {
  const { path, imageColumn, captionColumn, labelColumn } = source;
  const keys = new Set<string>();
  let rows = 0;
  let hasImages = false;
  const unseen = new Map(
    Object.entries({ imageColumn, captionColumn, labelColumn }).filter(([, name]) => name !== undefined),
  ) as Map<string, string>;
  for (const { text, number, damaged, tooLong } of textLines(path)) {
    if (text.trim() === '') continue;
    const fields = tooLong ? undefined : parseObject(text);
    if (!fields) {
      writer.problems.add(`${path}: line ${number}`, 'not a JSON object');
      continue;
    }
    if (rows++ < CHECKED_PATHS) for (const key of Object.keys(fields)) keys.add(key);
    for (const [option, name] of unseen) if (Object.hasOwn(fields, name)) unseen.delete(option);
    const field = (name: string | undefined, usual: readonly string[]) => {
      const key = name ?? usual.find((usualName) => Object.hasOwn(fields, usualName));
      return key !== undefined && Object.hasOwn(fields, key) ? fields[key] : undefined;
    };
    const image = field(imageColumn, USUAL_COLUMNS.image);
    hasImages ||= image !== undefined;
    yield {
      line: number,
      image,
      caption: field(captionColumn, USUAL_COLUMNS.caption),
      label: field(labelColumn, USUAL_COLUMNS.label),
      damaged,
    };
  }
  for (const [option, name] of unseen)
    if (rows > 0) throw missingColumn(path, [...keys], { expected: `field ${name}`, option });
  if (rows > 0 && !hasImages)
    throw missingColumn(path, [...keys], {
      expected: `a field named ${USUAL_COLUMNS.image.join(', ')}`,
      option: 'imageColumn',
    });
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

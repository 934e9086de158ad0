/**
 * Writes docs/configuration.md from the schema that checks a run's config.
 *   node --import jiti/register scripts/write-config-docs.ts
 * tests/docs/configuration.test.ts fails when the page differs from what would be written.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { parseConfig, runConfigSchema } from '../src/config/index.ts';
import { valueAt } from '../src/config/path.ts';
import { type FastClipVersion, fastClipOptions, fastClipParts } from '../src/methods/fastclip/options.ts';
import { clipModels, resnetClipModels } from '../src/models/registry.ts';

export const PAGE = fileURLToPath(new URL('../docs/configuration.md', import.meta.url));

/** The part of JSON Schema that zod writes for a run. */
interface Node {
  type?: string;
  const?: unknown;
  enum?: unknown[];
  anyOf?: Node[];
  oneOf?: Node[];
  properties?: Record<string, Node>;
  required?: string[];
  items?: Node | false;
  prefixItems?: Node[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  multipleOf?: number;
  default?: unknown;
  description?: string;
}

interface Row {
  path: string;
  type: string;
  default: string;
  meaning: string;
}

interface Section {
  title: string;
  rows: Row[];
}

/** What the schema says in comments, if at all: keys without a description of their own. */
const MEANINGS: Record<string, string> = {
  batch: 'how many samples a step takes',
  'model.image': 'the tower that reads pictures',
  'model.text': 'the tower that reads captions',
  'method.name': 'which method',
  'data.tokenizer[clip].type': "CLIP's own",
  'data.tokenizer[file].type': 'any Hugging Face tokenizer',
  'data.tokenizer[file].path': 'a tokenizer.json',
  'data.tokenizer[bpe].type': 'byte pairs learned from the captions of the training data',
  'data.tokenizer[bpe].vocabSize': 'ids in all: 512 bytes, 2 special ones, what is learned',
  'method[fastclip].gamma': 'the inner learning rate, by which u follows the batch',
  'method[fastclip].temperature': 'how temperatures start and move',
};

/** The meaning of a key that the schema does not describe, for one choice or for all. */
const meaningOf = (where: string) => MEANINGS[where] ?? MEANINGS[where.replaceAll(/\[[^\]]+\]/g, '')];

/** What a pattern allows, in words. */
const TYPES: Record<string, string> = { device: '`"auto"`, `"cpu"`, `"cuda"` or `"cuda:N"`' };

const code = (value: unknown) => `\`${JSON.stringify(value)}\``;
const list = (words: string[]) => [...new Set(words)].join(' or ');

/** What may stand at a place: unions opened. */
function alternatives(node: Node): Node[] {
  const options = node.anyOf ?? node.oneOf;
  return options ? options.flatMap(alternatives) : [node];
}

const objectsOf = (node: Node) => alternatives(node).filter(({ properties }) => properties);
const UNITS = ['steps', 'epochs', 'samples', 'share', 'forwards', 'seconds'];

/** `{ steps }`, `{ epochs }`, ...: one key each. */
function isDuration(node: Node): boolean {
  const keys = objectsOf(node).map(({ properties }) => Object.keys(properties!));
  return keys.length > 0 && keys.every((names) => names.length === 1 && UNITS.includes(names[0]));
}

/** What tells the objects of a union apart: a key with another constant in each, or the keys that each requires. */
function choiceOf(objects: readonly Node[]): { by: string; values: string[]; titles: string[] } {
  const keys = Object.keys(objects[0].properties!);
  const key = keys.find((name) => objects.every(({ properties }) => properties![name]?.const !== undefined));
  if (key) {
    const values = objects.map(({ properties }) => String(properties![key].const));
    return { by: `keys by \`${key}\``, values, titles: values.map((value) => `\`${key}: '${value}'\``) };
  }
  const values = objects.map(({ properties }) => Object.keys(properties!).join(', '));
  return { by: 'either', values, titles: values.map((value) => `\`${value}\``) };
}

function bounds({
  minimum,
  maximum,
  exclusiveMinimum: above,
  exclusiveMaximum: below,
  ...node
}: Node): string {
  const parts: string[] = [];
  if (minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER) parts.push(`at least ${minimum}`);
  if (above !== undefined) parts.push(`above ${above}`);
  if (maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER) parts.push(`at most ${maximum}`);
  if (below !== undefined) parts.push(`below ${below}`);
  if (node.multipleOf !== undefined) parts.push(`a multiple of ${node.multipleOf}`);
  return parts.length > 0 ? `, ${parts.join(', ')}` : '';
}

function typeOf(node: Node): string {
  const options = alternatives(node);
  if (options.length > 1) {
    if (isDuration(node))
      return options.map(({ properties }) => `\`{ ${Object.keys(properties!)[0]} }\``).join(', ');
    return list(options.map(typeOf));
  }
  if (isDuration(node)) return '`{ steps }`';
  if (node.const !== undefined) return code(node.const);
  if (node.enum) return list(node.enum.map(code));
  if (node.prefixItems) return `[${node.prefixItems.map(typeOf).join('; ')}]`;
  if (node.type === 'array') return `list of ${typeOf(node.items as Node)}`;
  if (node.type === 'boolean') return 'true or false';
  if (node.type === 'integer') return `whole number${bounds(node)}`;
  if (node.type === 'number') return `number${bounds(node)}`;
  return node.type === 'string' ? 'text' : 'keys below';
}

/** The shortest config there is: what it leaves out has its default in `filled`. */
const filled = parseConfig({
  model: 'tiny',
  method: { name: 'fastclip' },
  data: { train: { type: 'folder', path: 'pictures' } },
  batch: { globalBatchSize: 2 },
  duration: { steps: 1 },
});

class Page {
  readonly sections: Section[] = [];
  /** Unions that have their tables, and where. */
  readonly #shown = new Map<string, string>();

  constructor(schema: Node) {
    const entries = Object.entries(schema.properties!);
    const plain = entries.filter(([, node]) => objectsOf(node).length === 0 || isDuration(node));
    const run = this.#open('The run');
    for (const [key, node] of plain) this.#leaf(run, [key], { node, parent: schema, where: key });
    for (const [key, node] of entries) {
      if (plain.some(([name]) => name === key)) continue;
      this.#field(this.#open(`\`${key}\``), [key], { node, parent: schema, where: key });
    }
  }

  #open(title: string): Section {
    const section = { title, rows: [] };
    this.sections.push(section);
    return section;
  }

  /** `where` is the path with its choices in brackets: the key of MEANINGS. */
  #leaf(
    section: Section,
    path: string[],
    at: { node: Node; parent: Node; where: string },
    type?: string,
  ): void {
    const { node, parent, where } = at;
    const key = path.at(-1)!;
    const meaning = node.description ?? meaningOf(where);
    if (!meaning)
      throw new Error(`${where} has no description: give the schema one (or MEANINGS of this script)`);
    section.rows.push({
      path: path.join('.'),
      type: type ?? TYPES[where] ?? typeOf(node),
      default: defaultOf(node, path, parent.required?.includes(key) && where !== 'name'),
      meaning,
    });
  }

  #field(section: Section, path: string[], at: { node: Node; parent: Node; where: string }): void {
    const { node } = at;
    const objects = objectsOf(node);
    const known = this.#shown.get(JSON.stringify(objects));
    if (objects.length === 0 || isDuration(node)) this.#leaf(section, path, at);
    else if (known) this.#leaf(section, path, at, `as \`${known}\``);
    else if (objects.length === 1) this.#object(section, path, { ...at, object: objects[0] });
    else this.#choice(section, path, { ...at, objects });
  }

  /** One kind of object: its own row, and those of its keys. */
  #object(
    section: Section,
    path: string[],
    at: { node: Node; parent: Node; where: string; object: Node },
  ): void {
    const { node, where, object } = at;
    const others = alternatives(node).filter(({ properties, type }) => !properties && type !== 'array');
    const also = others.length > 0 ? `${others.map(typeOf).join(', ')}, or ` : '';
    this.#leaf(section, path, at, `${also}keys below`);
    for (const [key, inner] of Object.entries(object.properties!))
      this.#field(section, [...path, key], { node: inner, parent: object, where: `${where}.${key}` });
  }

  /** Several kinds of object: a table for each. */
  #choice(
    section: Section,
    path: string[],
    at: { node: Node; parent: Node; where: string; objects: Node[] },
  ): void {
    const { where, node } = at;
    this.#shown.set(JSON.stringify(at.objects), path.join('.'));
    const several = alternatives(node).some(({ type }) => type === 'array');
    const { by, values, titles } = choiceOf(at.objects);
    const kinds = values.map((value) => `\`${value}\``).join(', ');
    const type = `${several ? 'one or a list of: ' : ''}${by}: ${kinds}`;
    this.#leaf(section, path, at, type);
    at.objects.forEach((object, i) => {
      const inner = this.#open(`\`${path.join('.')}\` with ${titles[i]}`);
      for (const [name, field] of Object.entries(object.properties!)) {
        const place = `${where}[${values[i]}].${name}`;
        this.#field(inner, [...path, name], { node: field, parent: object, where: place });
      }
    });
  }
}

function defaultOf(node: Node, path: string[], required: boolean | undefined): string {
  if (required) return '**required**';
  const empty = typeof node.default === 'object' && Object.keys(node.default ?? {}).length === 0;
  if (node.default !== undefined && !empty) return code(node.default);
  const value = valueAt(filled, path);
  return value === undefined || typeof value === 'object' || path[0] === 'name' ? '–' : code(value);
}

const cell = (text: string) => text.replaceAll('|', '\\|');

function table({ title, rows }: Section): string {
  const lines = rows.map(
    (row) => `| \`${row.path}\` | ${cell(row.type)} | ${cell(row.default)} | ${cell(row.meaning)} |`,
  );
  return [
    `## ${title}`,
    '',
    '| key | what may stand there | default | meaning |',
    '| --- | --- | --- | --- |',
    ...lines,
  ].join('\n');
}

const INTRO = `<!-- Written by scripts/write-config-docs.ts from the schema in src/config/. Do not edit. -->

# Configuration

A run is one file whose default export is plain data: \`export default defineConfig({ ... })\`, or the same as JSON. It is complete and
checked before the first step; a key that is not in these tables is an error that names its path and the nearest right one.

- \`--set path=value\` changes one value: \`--set optimizer.peakLr=1e-3\`. The value is JSON where it reads as JSON, else text. Items of a
  list have numbers: \`--set data.train.0.path=...\`.
- A length of time has exactly one unit: \`{ steps }\` are updates, \`{ epochs }\` passes over the data, \`{ samples }\` samples seen by all
  ranks together; where the table has them, \`{ share }\` is a part of the whole run, \`{ seconds }\` are of training, and \`{ forwards }\` are forward
  passes of one sample's whole sequence.
- Relative paths are relative to the working directory.
- **required**: there is no default. A dash: nothing, or what the meaning says.
- What the run used, with every default filled in, is in \`runs/NAME/config.json\`, and \`couplet train\` takes that file too.

Sources and tokenizers are explained in [data.md](data.md). Models that have names: ${Object.keys({
  ...clipModels,
  ...resnetClipModels,
})
  .map((name) => `\`${name}\``)
  .join(', ')}.`;

/** What each version of fastclip chooses. */
function versions(): string {
  const lines = fastClipOptions.shape.version.unwrap().options.map((version: FastClipVersion) => {
    const { timesTau, gamma, temperature } = fastClipParts(
      fastClipOptions.parse({ name: 'fastclip', version }),
    );
    const { rule, init, lrShare, schedule } = temperature;
    const learned = rule === 'global' ? [lrShare, schedule] : ['–', '–'];
    return `| ${[`\`${version}\``, rule, init, ...learned, timesTau, gamma.shape].join(' | ')} |`;
  });
  const names = [
    'version',
    'temperature.rule',
    'temperature.init',
    'temperature.lrShare',
    'temperature.schedule',
  ];
  const head = [...names, 'timesTau', 'gamma.shape'].join(' | ');
  const rule = `|${' --- |'.repeat(names.length + 2)}`;
  return [`## What a version of \`fastclip\` chooses`, '', `| ${head} |`, rule, ...lines].join('\n');
}

/** The whole page. */
export function configurationPage(): string {
  const schema = z.toJSONSchema(runConfigSchema, { io: 'input', unrepresentable: 'any' }) as Node;
  return `${[INTRO, ...new Page(schema).sections.map(table), versions()].join('\n\n')}\n`;
}

/** Every key path of the page's tables, for tests. */
export function documentedPaths(): string[] {
  const schema = z.toJSONSchema(runConfigSchema, { io: 'input', unrepresentable: 'any' }) as Node;
  return new Page(schema).sections.flatMap(({ rows }) => rows.map(({ path }) => path));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(PAGE, configurationPage());
  console.log(`${documentedPaths().length} rows -> docs/configuration.md`);
}

/**
 * Writes docs/configuration.md from the schema that checks a run's config.
 *   node --import jiti/register scripts/write-config-docs.ts
 * tests/docs/configuration.test.ts fails when the page differs from what would be written.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseConfig, runConfigSchema } from '../src/config/index.ts';
import { valueAt } from '../src/io/key-path.ts';
import { alternatives, type SchemaNode as Node, objectsOf, schemaNode } from '../src/io/schema-shape.ts';
import { type FastClipVersion, fastClipOptions, fastClipParts } from '../src/methods/fastclip/options.ts';
import type { methods } from '../src/methods/index.ts';
import { clipModels, resnetClipModels } from '../src/models/registry.ts';

export const PAGE = fileURLToPath(new URL('../docs/configuration.md', import.meta.url));

interface Row {
  path: string;
  /** What may stand there, and the default. */
  value: string;
  meaning: string;
}

interface Section {
  title: string;
  /** A sentence below the title. */
  about?: string;
  rows: Row[];
}

/** What a pattern allows, in words. */
const TYPES: Record<string, string> = { device: '`"auto"`, `"cpu"`, `"cuda"` or `"cuda:N"`' };

const code = (value: unknown) => `\`${JSON.stringify(value)}\``;
const list = (words: string[]) => [...new Set(words)].join(', ').replace(/, ([^,]*)$/, ' or $1');
const plural = (type: string) => type.replace(/number|integer|text/, '$&s');

const UNITS = ['steps', 'epochs', 'samples', 'share', 'forwards', 'seconds'];

/** `{ steps }`, `{ epochs }`, ...: one key each. */
function isDuration(node: Node): boolean {
  const keys = objectsOf(node).map(({ properties }) => Object.keys(properties!));
  return keys.length > 0 && keys.every((names) => names.length === 1 && UNITS.includes(names[0]));
}

/** Kinds of object, without short forms of the first: those that have some of its keys and no constant. */
function kindsOf(node: Node): Node[] {
  const [first, ...others] = objectsOf(node);
  if (!first) return [];
  const isShort = ({ properties }: Node) =>
    Object.entries(properties!).every(
      ([name, field]) => name in first.properties! && field.const === undefined,
    );
  return [first, ...others.filter((other) => !isShort(other))];
}

/** The key that has another constant in each object of a union. */
function choiceOf(objects: readonly Node[]) {
  const keys = Object.keys(objects[0].properties!);
  const key = keys.find((name) => objects.every(({ properties }) => properties![name]?.const !== undefined));
  if (!key) throw new Error(`No key tells these apart: ${keys.join(', ')}.`);
  const fields = objects.map(({ properties }) => properties![key]);
  const isDefault = fields.map((field) => field.default !== undefined);
  const names = fields.map((field, i) => `\`${field.const}\`${isDefault[i] ? ' (default)' : ''}`);
  return { key, fields, value: `keys by \`${key}\`: ${names.join(', ')}` };
}

/** `positive integer`, `number ≥ 0, < 1`. */
function numeric(node: Node): string {
  const { minimum: least, exclusiveMinimum: above, maximum: most, exclusiveMaximum: below } = node;
  const isPositive = above === 0 || (node.type === 'integer' && least === 1);
  const parts: string[] = [];
  if (!isPositive && least !== undefined && least > Number.MIN_SAFE_INTEGER) parts.push(`≥ ${least}`);
  if (!isPositive && above !== undefined) parts.push(`> ${above}`);
  if (most !== undefined && most < Number.MAX_SAFE_INTEGER) parts.push(`≤ ${most}`);
  if (below !== undefined) parts.push(`< ${below}`);
  if (node.multipleOf !== undefined) parts.push(`multiple of ${node.multipleOf}`);
  return `${isPositive ? 'positive ' : ''}${node.type} ${parts.join(', ')}`.trim();
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
  if (node.prefixItems) return `${node.prefixItems.length} ${plural(typeOf(node.prefixItems[0]))}`;
  if (node.type === 'array') return `list of ${plural(typeOf(node.items as Node))}`;
  if (node.properties) return `\`{ ${Object.keys(node.properties).join(', ')} }\``;
  if (node.type === 'boolean') return 'boolean';
  if (node.type === 'integer' || node.type === 'number') return numeric(node);
  return node.type === 'string' ? 'text' : 'keys below';
}

/** The shortest config there is, with its defaults. */
const filledFor = (name: keyof typeof methods) =>
  parseConfig({
    model: 'tiny',
    method: { name },
    data: { train: { type: 'folder', path: 'pictures' } },
    batch: { globalBatchSize: 2 },
    duration: { steps: 1 },
  });
const filled = filledFor('fastclip');

/** An object of so few keys has its rows in the first table. */
const FEW = 2;

class Page {
  readonly sections: Section[] = [];
  /** Every key path that the page explains. */
  readonly paths: string[] = [];
  /** Objects that have their rows, and where. */
  readonly #shown = new Map<string, string>();

  constructor(schema: Node) {
    const run = this.#open('The run');
    for (const [key, node] of Object.entries(schema.properties!)) {
      const [object, ...others] = objectsOf(node);
      const at = { node, parent: schema };
      if (!object || isDuration(node)) this.#leaf(run, [key], at);
      else if (others.length === 0 && Object.keys(object.properties).length <= FEW)
        this.#keys(run, [key], object);
    }
    for (const [key, node] of Object.entries(schema.properties!)) {
      if (this.paths.includes(key)) continue;
      const section = this.#open(`\`${key}\``);
      this.#field(section, [key], { node, parent: schema });
      const { value, meaning } = section.rows.shift()!;
      const kinds = /keys by .*`( \(default\))?/.exec(value)?.[0];
      section.about = sentences([meaning, kinds, value.includes('**required**') && 'required']);
    }
  }

  #open(title: string): Section {
    const section = { title, rows: [] };
    this.sections.push(section);
    return section;
  }

  #leaf(section: Section, path: string[], at: { node: Node; parent: Node }, type?: string): void {
    const { node, parent } = at;
    const key = path.at(-1)!;
    if (!node.description) throw new Error(`${path.join('.')} has no description: give the schema one.`);
    this.paths.push(path.join('.'));
    section.rows.push({
      path: path.join('.'),
      value: `${type ?? TYPES[key] ?? typeOf(node)}${defaultOf(node, path, parent.required?.includes(key))}`,
      meaning: node.description,
    });
  }

  #field(section: Section, path: string[], at: { node: Node; parent: Node }): void {
    const { node } = at;
    const objects = kindsOf(node);
    const known = this.#shown.get(JSON.stringify(objects));
    if (objects.length === 0 || isDuration(node)) this.#leaf(section, path, at);
    else if (known) this.#leaf(section, path, at, known);
    else if (objects.length === 1) this.#object(section, path, { ...at, object: objects[0] });
    else this.#choice(section, path, { ...at, objects });
  }

  #keys(section: Section, path: string[], object: Node): void {
    this.paths.push(path.join('.'));
    for (const [key, node] of Object.entries(object.properties!))
      this.#field(section, [...path, key], { node, parent: object });
  }

  /** One kind of object: its own row, and those of its keys. */
  #object(section: Section, path: string[], at: { node: Node; parent: Node; object: Node }): void {
    const { node, object } = at;
    const others = alternatives(node).filter(({ properties, type }) => !properties && type !== 'array');
    const also = others.length > 0 ? `${others.map(typeOf).join(', ')}, or ` : '';
    this.#leaf(section, path, at, `${also}keys below`);
    if (Object.keys(object.properties!).length > FEW)
      this.#shown.set(JSON.stringify([object]), `keys as in ${section.title}`);
    this.#keys(section, path, object);
  }

  /** Several kinds of object: a table for each. */
  #choice(section: Section, path: string[], at: { node: Node; parent: Node; objects: Node[] }): void {
    const { node, objects } = at;
    this.#shown.set(JSON.stringify(objects), `as \`${path.join('.')}\``);
    const several = alternatives(node).some(({ type }) => type === 'array');
    const choice = choiceOf(objects);
    const { key, fields, value } = choice;
    this.#leaf(section, path, at, `${several ? 'one or a list of: ' : ''}${value}`);
    this.paths.push([...path, key].join('.'));
    const common = commonKeys(objects);
    for (const [name, field] of Object.entries(objects[0].properties!))
      if (common.has(name)) this.#field(section, [...path, name], { node: field, parent: objects[0] });
    const kinds = objects.map((object, i) => {
      const own = Object.entries(object.properties!).filter(([name]) => name !== key && !common.has(name));
      const kind = this.#open(`\`${path.join('.')}\` with \`${key}: '${fields[i].const}'\``);
      for (const [name, field] of own) this.#field(kind, [...path, name], { node: field, parent: object });
      return kind;
    });
    this.#describe(kinds, choice);
  }

  /** Says what each kind is. Kinds with the same keys share a section. */
  #describe(kinds: Section[], { key, fields }: ReturnType<typeof choiceOf>): void {
    const isSame = fields.every(({ description }) => description === fields[0].description);
    const rows = kinds.map((kind) => JSON.stringify(kind.rows));
    kinds.forEach((kind, i) => {
      if (!isSame) kind.about = sentences([fields[i].description]);
      const twin = kinds[rows.indexOf(rows[i])];
      if (twin === kind || kind.rows.length === 0) return;
      twin.title += ` or \`${key}: '${fields[i].const}'\``;
      this.sections.splice(this.sections.indexOf(kind), 1);
    });
  }
}

const sentences = (parts: (string | false | undefined)[]) =>
  parts
    .filter((part) => typeof part === 'string')
    .map((part) => `${part[0].toUpperCase()}${part.slice(1)}.`)
    .join(' ');

const isRequired = (required: readonly string[] | undefined, key: string) => required?.includes(key) ?? false;

/** The keys that are the same in all alternatives. */
function commonKeys([first, ...others]: Node[]): Set<string> {
  const same = (key: string) =>
    others.every(
      ({ properties, required }) =>
        JSON.stringify(properties![key]) === JSON.stringify(first.properties![key]) &&
        isRequired(required, key) === isRequired(first.required, key),
    );
  return new Set(Object.keys(first.properties!).filter(same));
}

/** `, **required**`, `, default 4`, or nothing. */
function defaultOf(node: Node, path: string[], required: boolean | undefined): string {
  if (path[0] === 'name') return '';
  if (required) return ', **required**';
  const empty = typeof node.default === 'object' && Object.keys(node.default ?? {}).length === 0;
  const value = node.default !== undefined && !empty ? node.default : valueAt(filled, path);
  const isPart = typeof value === 'object' && node.default === undefined;
  return value === undefined || isPart || empty ? '' : `, default ${code(value)}`;
}

const cell = (text: string) => text.replaceAll('|', '\\|');

function textOf({ title, about, rows }: Section): string {
  const lines = rows.map((row) => `| \`${row.path}\` | ${cell(row.value)} | ${cell(row.meaning)} |`);
  const table = ['| key | value | meaning |', '| --- | --- | --- |', ...lines].join('\n');
  return [`## ${title}`, ...(about ? [about] : []), ...(rows.length > 0 ? [table] : [])].join('\n\n');
}

const INTRO = `<!-- Written by scripts/write-config-docs.ts from the schema in src/config/. Do not edit. -->

# Configuration

One file describes a run: \`export default defineConfig({ ... })\`, or the same as JSON. It is checked before the first step.

- On the command line \`--set\` changes one value: \`--set optimizer.peakLr=1e-3\`, or in a list \`--set data.train.0.path=photos\`.
- A length, such as \`duration\`, has one unit: \`{ steps }\` are updates, \`{ epochs }\` passes over the data, \`{ samples }\` samples of all ranks
  (processes), \`{ share }\` a part of the run, \`{ seconds }\` training time, \`{ forwards }\` forward passes of one whole sequence.
- Paths are relative to the working directory.
- Some defaults depend on the method: the last two tables. \`runs/NAME/config.json\` has all of them filled in, and is a config too.

Sources and tokenizers: [data.md](data.md). Named models: ${Object.keys({
  ...clipModels,
  ...resnetClipModels,
})
  .map((name) => `\`${name}\``)
  .join(', ')}.`;

/** A section of one table, whose first column is code. */
function choices(title: string, head: string[], rows: unknown[][]): string {
  const lines = rows.map(([first, ...cells]) => `| \`${first}\` | ${cells.join(' | ')} |`);
  return [`## ${title}`, '', `| ${head.join(' | ')} |`, `|${' --- |'.repeat(head.length)}`, ...lines].join(
    '\n',
  );
}

/** What each version of fastclip chooses. */
function versions(): string {
  const rows = fastClipOptions.shape.version.unwrap().options.map((version: FastClipVersion) => {
    const { timesTau, gamma, temperature } = fastClipParts(
      fastClipOptions.parse({ name: 'fastclip', version }),
    );
    const { rule, init, lrShare, schedule } = temperature;
    const learned = rule === 'global' ? [lrShare, schedule] : ['–', '–'];
    return [version, rule, init, ...learned, timesTau, gamma.shape];
  });
  const temperature = ['rule', 'init', 'lrShare', 'schedule'].map((key) => `temperature.${key}`);
  const head = ['version', ...temperature, 'timesTau', 'gamma.shape'];
  return choices('Defaults by version of `fastclip`', head, rows);
}

/** Values of a config that are not objects, by path. */
function leavesOf(value: unknown, path = ''): [string, string][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return [[path, JSON.stringify(value)]];
  return Object.entries(value).flatMap(([key, inner]) => leavesOf(inner, path ? `${path}.${key}` : key));
}

/** What methods for pictures alone choose where other methods have another default. */
function ownDefaults(): string {
  const names = ['simclr', 'moco-v3', 'dino'] as const;
  const usual = new Map(leavesOf(filled));
  const own = names.map((name) => new Map(leavesOf(filledFor(name))));
  const paths = [...new Set(own.flatMap((leaves) => [...leaves.keys()]))].filter(
    (path) => !path.startsWith('method.') && own.some((leaves) => leaves.get(path) !== usual.get(path)),
  );
  const shown = (value: string) => value.replace(/(\.\d{4})\d{9,}/g, '$1');
  const rows = paths.map((path) => [path, ...own.map((leaves) => shown(leaves.get(path) ?? '–'))]);
  return choices('Defaults of methods without captions', ['key', ...names], rows);
}

/** The whole page. */
export function configurationPage(): string {
  const schema = schemaNode(runConfigSchema);
  return `${[INTRO, ...new Page(schema).sections.map(textOf), versions(), ownDefaults()].join('\n\n')}\n`;
}

/** Every key path that the page explains, for tests. */
export function documentedPaths(): string[] {
  return new Page(schemaNode(runConfigSchema)).paths;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(PAGE, configurationPage());
  console.log(`${documentedPaths().length} rows -> docs/configuration.md`);
}

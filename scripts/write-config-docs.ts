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
  rows: Row[];
}

/** What a pattern allows, in words. */
const TYPES: Record<string, string> = { device: '`"auto"`, `"cpu"`, `"cuda"` or `"cuda:N"`' };

const code = (value: unknown) => `\`${JSON.stringify(value)}\``;
const list = (words: string[]) => [...new Set(words)].join(' or ');

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
  if (minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER) parts.push(`≥ ${minimum}`);
  if (above !== undefined) parts.push(`> ${above}`);
  if (maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER) parts.push(`≤ ${maximum}`);
  if (below !== undefined) parts.push(`< ${below}`);
  if (node.multipleOf !== undefined) parts.push(`multiple of ${node.multipleOf}`);
  return parts.length > 0 ? ` ${parts.join(', ')}` : '';
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
  if (node.type === 'boolean') return 'boolean';
  if (node.type === 'integer') return `integer${bounds(node)}`;
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
    for (const [key, node] of plain) this.#leaf(run, [key], { node, parent: schema });
    for (const [key, node] of entries) {
      if (plain.some(([name]) => name === key)) continue;
      this.#field(this.#open(`\`${key}\``), [key], { node, parent: schema });
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
    section.rows.push({
      path: path.join('.'),
      value: `${type ?? TYPES[key] ?? typeOf(node)}${defaultOf(node, path, parent.required?.includes(key))}`,
      meaning: node.description,
    });
  }

  #field(section: Section, path: string[], at: { node: Node; parent: Node }): void {
    const { node } = at;
    const objects = objectsOf(node);
    const known = this.#shown.get(JSON.stringify(objects));
    if (objects.length === 0 || isDuration(node)) this.#leaf(section, path, at);
    else if (known) this.#leaf(section, path, at, `as ${known}`);
    else if (objects.length === 1) this.#object(section, path, { ...at, object: objects[0] });
    else this.#choice(section, path, { ...at, objects });
  }

  /** One kind of object: its own row, and those of its keys. */
  #object(section: Section, path: string[], at: { node: Node; parent: Node; object: Node }): void {
    const { node, object } = at;
    const others = alternatives(node).filter(({ properties, type }) => !properties && type !== 'array');
    const also = others.length > 0 ? `${others.map(typeOf).join(', ')}, or ` : '';
    this.#leaf(section, path, at, `${also}keys below`);
    if (Object.keys(object.properties!).length > 2)
      this.#shown.set(JSON.stringify([object]), `${path.join('.')} of ${section.title}`);
    for (const [key, inner] of Object.entries(object.properties!))
      this.#field(section, [...path, key], { node: inner, parent: object });
  }

  /** Several kinds of object: a table for each. */
  #choice(section: Section, path: string[], at: { node: Node; parent: Node; objects: Node[] }): void {
    const { node, objects } = at;
    this.#shown.set(JSON.stringify(objects), `\`${path.join('.')}\``);
    const several = alternatives(node).some(({ type }) => type === 'array');
    const { by, values, titles } = choiceOf(objects);
    const kinds = values.map((value) => `\`${value}\``).join(', ');
    this.#leaf(section, path, at, `${several ? 'one or a list of: ' : ''}${by}: ${kinds}`);
    const common = commonKeys(objects);
    for (const [name, field] of Object.entries(objects[0].properties!))
      if (common.has(name)) this.#field(section, [...path, name], { node: field, parent: objects[0] });
    objects.forEach((object, i) => {
      const own = Object.entries(object.properties!).filter(([name]) => !common.has(name));
      const inner = this.#open(`\`${path.join('.')}\` with ${titles[i]}`);
      for (const [name, field] of own) this.#field(inner, [...path, name], { node: field, parent: object });
    });
  }
}

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

function table({ title, rows }: Section): string {
  const lines = rows.map((row) => `| \`${row.path}\` | ${cell(row.value)} | ${cell(row.meaning)} |`);
  return [`## ${title}`, '', '| key | value | meaning |', '| --- | --- | --- |', ...lines].join('\n');
}

const INTRO = `<!-- Written by scripts/write-config-docs.ts from the schema in src/config/. Do not edit. -->

# Configuration

One file describes a run: \`export default defineConfig({ ... })\`, or the same as JSON. It is checked before the first step. An unknown key is
an error that names the most similar known key.

- \`--set path=value\` on the command line changes one value: \`--set optimizer.peakLr=1e-3\`, or in a list \`--set data.train.0.path=photos\`.
- A length, such as \`duration\`, has one unit: \`{ steps }\` are updates, \`{ epochs }\` passes over the data, \`{ samples }\` samples of all ranks,
  \`{ share }\` a part of the run, \`{ seconds }\` time spent training, \`{ forwards }\` forward passes of one whole sequence.
- Relative paths are relative to the working directory.
- \`runs/NAME/config.json\` has every default filled in; \`couplet train\` takes that file too.

Sources and tokenizers: [data.md](data.md). Named models: ${Object.keys({
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
  const schema = schemaNode(runConfigSchema);
  return `${[INTRO, ...new Page(schema).sections.map(table), versions()].join('\n\n')}\n`;
}

/** Every key path of the page's tables, for tests. */
export function documentedPaths(): string[] {
  const schema = schemaNode(runConfigSchema);
  return new Page(schema).sections.flatMap(({ rows }) => rows.map(({ path }) => path));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(PAGE, configurationPage());
  console.log(`${documentedPaths().length} rows -> docs/configuration.md`);
}

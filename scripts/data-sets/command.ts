import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CoupletError } from '../../src/errors.ts';
import { nearest } from '../../src/io/suggest.ts';
import type { DataSet } from './data-set.ts';
import { dataSets } from './data-sets.ts';

const DOWNLOADS = 'data/downloads';

const HELP = `Usage: scripts/make-data NAME [--from PATH] [--out DIR]

Builds a data set that the configs and the commands in docs/ name. Run it in the repository's root.

Data sets:
${dataSets.map(({ name, summary }) => `  ${name.padEnd(20)}${summary}`).join('\n')}

Options:
  --from PATH         the archive or the unpacked folder (default: the archive in ${DOWNLOADS})
  --out DIR           where to write (default: data/NAME, as the configs expect)
  --size PIXELS       side of the pictures, of icons only (default: 64)
  --force             build again what is there already
  -h, --help          print this help

Examples:
  scripts/make-data emoji
  scripts/make-data cifar10 --from ~/Downloads/cifar-10-binary.tar.gz
  scripts/make-data tiny-imagenet-100 --from tiny-imagenet-200.zip

The same source gives the same bytes. OUT is replaced when the new data set is whole.
When the source is missing, the command says where to get it.`;

/**
 * What `scripts/make-data` does with its words: builds a data set, and says what was written.
 * @throws CoupletError that says what to do
 */
export async function makeData(args: string[]): Promise<void> {
  const { values, positionals } = parsedArgs(args);
  if (values.help) return console.log(HELP);
  const set = named(positionals);
  const out = values.out ?? join('data', set.name);
  checkOut(out);
  if (existsSync(join(out, 'dataset.json')) && !values.force)
    return console.log(`${out} is there already. To build it again: --force.`);
  const from = set.download && sourceOf(set, values.from);
  const size = sizeOf(set, values.size);
  const parts = await set.build(out, { ...(from && { from }), ...(size && { size }) });
  for (const [part, samples] of Object.entries(parts))
    console.log(`${out}: ${part}, ${samples.toLocaleString('en')} samples`);
  for (const [part, samples] of Object.entries(set.expected))
    if (parts[part] !== samples)
      console.warn(
        `make-data: ${part} should have ${samples.toLocaleString('en')} samples: this is not the data of docs/results.`,
      );
}

function parsedArgs(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        from: { type: 'string' },
        out: { type: 'string' },
        size: { type: 'string' },
        force: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new CoupletError(
      `${(error as Error).message.split('. ')[0]}. scripts/make-data --help lists the options.`,
    );
  }
}

function named(positionals: string[]): DataSet {
  const [name, ...more] = positionals;
  const names = dataSets.map((set) => set.name);
  if (name === undefined || more.length > 0)
    throw new CoupletError(`Name one data set: ${names.join(', ')}. scripts/make-data --help tells more.`);
  const set = dataSets.find((one) => one.name === name);
  if (set) return set;
  const near = nearest(name, names);
  throw new CoupletError(
    `There is no data set ${name}. ${near ? `Did you mean ${near}? ` : ''}There are: ${names.join(', ')}.`,
  );
}

/** Only what this command wrote is replaced. */
function checkOut(out: string): void {
  if (!existsSync(out) || existsSync(join(out, 'dataset.json')) || readdirSync(out).length === 0) return;
  throw new CoupletError(
    `${out} has files that this command did not write, so it is left alone. Remove it, or give another --out.`,
  );
}

function sourceOf({ name, download }: DataSet, from: string | undefined): string {
  const { file, url, size, otherwise } = download!;
  const path = from ?? join(DOWNLOADS, file);
  if (existsSync(path)) return path;
  throw new CoupletError(
    `There is no ${path}.
Download ${file} (${size}) from ${url}, then:
  scripts/make-data ${name} --from ${file}
${otherwise}`,
  );
}

function sizeOf({ name }: DataSet, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (name !== 'icons')
    throw new CoupletError(`--size is for icons: ${name} keeps the size of its pictures.`);
  const size = Number(text);
  if (Number.isSafeInteger(size) && size >= 16 && size <= 512) return size;
  throw new CoupletError(`--size is ${text}: expected pixels, 16 to 512.`);
}

import { type Command, InvalidArgumentError } from 'commander';
import { printable } from '../data/index.ts';
import { CoupletError } from '../errors.ts';
import type { PageSection, Search } from '../search/index.ts';
import { collect, SET_HELP } from './options.ts';
import { writePageOf } from './search-page.ts';
import { LiveLine } from './terminal/live-line.ts';

interface SearchFlags {
  image?: string;
  duplicates?: boolean;
  above?: number;
  k: number;
  run?: string;
  set?: string[];
  json?: boolean;
  html?: string;
  page?: string;
  title?: string;
}

export function addSearch(program: Command): void {
  program
    .command('search')
    .summary('nearest pictures of embeddings')
    .description(
      'Finds the pictures nearest to words or to a picture among the embeddings that couplet embed wrote, or groups of near-duplicates.',
    )
    .argument('<folder>', 'folder that couplet embed wrote')
    .argument('[words]', 'words to search with')
    .option('--image <file>', 'picture to search with, in place of words')
    .option('--duplicates', 'near-duplicates, in groups')
    .option('--above <cosine>', 'least cosine of near-duplicates; default 0.95', cosine)
    .option('-k <count>', 'number of pictures', count, 10)
    .option('--run <folder>', 'folder of the run, if it is no longer where it was')
    .option('--set <path=value>', SET_HELP, collect)
    .option('--json', 'output as JSON')
    .option('--html <file>', 'page with thumbnails to write, in place of the table')
    .option('--page <folder>', 'folder to write with a page that searches in the browser')
    .option('--title <text>', "title of that page; default the folder's name")
    .addHelpText(
      'after',
      `
Words need a run that was trained on captions. Every answer is exact.

Examples:
  couplet search photos-embedded "a red mug"
  couplet search photos-embedded --image mug.jpg -k 50 --html like-mug.html
  couplet search photos-embedded --duplicates --above 0.98
  couplet search photos-embedded --page site --title "My photos"

Next:
  couplet eval runs/clip      measures the model itself`,
    )
    .action(searchVerb);
}

function count(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number, 1 or more.');
}

function cosine(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && value <= 1) return value;
  throw new InvalidArgumentError('Expected a number above 0, and at most 1, such as 0.95.');
}

async function searchVerb(folder: string, words: string | undefined, flags: SearchFlags): Promise<void> {
  const asked = [words, flags.image, flags.page, flags.duplicates || undefined].filter(
    (value) => value !== undefined,
  );
  if (asked.length !== 1)
    throw new CoupletError('Give one of: words, --image FILE, --duplicates, --page FOLDER.');
  if (flags.above !== undefined && !flags.duplicates)
    throw new CoupletError('--above is the threshold of --duplicates: add that, or omit it.');
  if (flags.page !== undefined) return await writePageOf(folder, { ...flags, page: flags.page });
  const { openSearch } = await import('../search/index.ts');
  const { run, set } = flags;
  const search = await openSearch(folder, { ...(run !== undefined && { run }), ...(set && { set }) });
  try {
    await (flags.duplicates
      ? listDuplicates(search, folder, flags)
      : listNearest(search, folder, { words, flags }));
  } finally {
    await search.close();
  }
}

async function listNearest(
  search: Search,
  folder: string,
  { words, flags }: { words: string | undefined; flags: SearchFlags },
): Promise<void> {
  const { k, image } = flags;
  const matches = image === undefined ? await search.words(words!, k) : await search.image(image, k);
  if (k > search.size) console.error(`${folder} has ${search.size} rows, and all are listed.`);
  const query = image ?? words!;
  if (flags.json) {
    const found = matches.map(({ row, score }) => ({ row, score, ...search.row(row) }));
    console.log(JSON.stringify({ query, matches: found }, null, 2));
  } else if (flags.html === undefined) for (const match of matches) console.log(await lineOf(search, match));
  if (flags.html !== undefined)
    await writePage(search, flags.html, { title: `Nearest to ${query}`, sections: [{ matches }] });
}

async function listDuplicates(search: Search, folder: string, flags: SearchFlags): Promise<void> {
  const { above = 0.95 } = flags;
  const line = new LiveLine();
  const groups = search.duplicates({
    above,
    onProgress: (done) => {
      if (line.isDue) line.draw(`comparing all pairs ${Math.floor(100 * done)} %`);
    },
  });
  line.erase();
  const rows = groups.reduce((sum, group) => sum + group.length, 0);
  const summary = `${groups.length} groups of ${rows} near-duplicates (cosine ${above} and more) among ${search.size} pictures`;
  if (flags.json) {
    const found = groups.map((group) => group.map(({ row, score }) => ({ row, score, ...search.row(row) })));
    console.log(JSON.stringify({ above, groups: found }, null, 2));
  } else if (flags.html === undefined) {
    for (const [index, group] of groups.entries()) {
      console.log(`group ${index + 1}`);
      for (const match of group) console.log(`  ${await lineOf(search, match)}`);
    }
    console.log(summary);
  }
  if (flags.html === undefined) return;
  const sections = groups.map((matches, index) => ({ title: `Group ${index + 1}`, matches }));
  await writePage(search, flags.html, { title: `${folder}: ${summary}`, sections });
}

async function writePage(
  search: Search,
  path: string,
  page: { title: string; sections: PageSection[] },
): Promise<void> {
  const { searchPage } = await import('../search/index.ts');
  const { writeFileAtomically } = await import('../io/atomic.ts');
  await writeFileAtomically(path, await searchPage(search, page));
  console.error(`saved ${path}`);
}

async function lineOf(search: Search, { row, score }: { row: number; score: number }): Promise<string> {
  const { nameOfRow } = await import('../search/index.ts');
  const sample = search.row(row);
  const text = sample.caption ?? sample.class;
  const what = text === undefined ? '' : `  ${printable(text)}`;
  return `${score.toFixed(3)}  ${printable(nameOfRow(sample))}${what}`;
}

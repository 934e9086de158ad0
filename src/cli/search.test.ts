import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { put } from '../../tests/data/make.ts';
import { contentsOf, tinyRun } from '../../tests/embed/tiny.ts';
import { couplet as built, runsFolder } from '../../tests/run/harness.ts';
import { asManifest, shapes } from '../../tests/run/shapes.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = runsFolder();

/** The command as it stands in src/. */
function couplet(...args: string[]) {
  const words = [join(root, 'node_modules/jiti/lib/jiti-cli.mjs'), join(root, 'src/cli/main.ts'), ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8', cwd: folder });
  return { status, stdout, stderr };
}

beforeAll(async () => {
  await tinyRun(folder);
  asManifest(folder, await shapes(600, { seed: 1 }));
  cpSync(join(folder, 'pictures/0004.png'), join(folder, 'pictures/0500.png'));
  put(folder, { 'pictures/0002.png': 'no picture' });
});

it('embeds, names what it skipped, and says it is done', () => {
  const { status, stderr } = couplet('embed', 'run', 'pairs.csv', '--out', 'embedded', '--dtype', 'float32');
  expect(stderr.split('\n').filter((line) => !/^\s*$/.test(line))).toEqual([
    'embedding 600 pictures on cpu in float32',
    'skipped 1 sample:',
    '  pictures/0002.png: not a JPEG, PNG or WebP picture',
    `done: ${join(folder, 'embedded')}, 599 rows`,
  ]);
  expect(status).toBe(0);
});

it('goes on after kill -9, to the same bytes', async () => {
  const args = ['embed', 'run', 'pairs.csv', '--out', 'killed', '--dtype', 'float32'];
  const { child, says, ended } = built(args, { cwd: folder });
  await says(/embedding 600 pictures/);
  child.kill('SIGKILL');
  expect((await ended).signal).toBe('SIGKILL');
  expect(existsSync(join(folder, 'killed'))).toBe(false);
  expect(couplet(...args).status).toBe(0);
  expect(contentsOf(join(folder, 'killed'))).toEqual(contentsOf(join(folder, 'embedded')));
});

it('searches by words and by a picture, as a table', () => {
  const words = couplet('search', 'embedded', 'a small red circle on the left.', '-k', '3');
  expect(words.stderr).toBe('');
  expect(words.stdout.trimEnd().split('\n')).toHaveLength(3);
  const image = couplet('search', 'embedded', '--image', 'pictures/0004.png', '-k', '2').stdout.split('\n');
  // Both have the same pixels; in another batch the last bits of a product may differ.
  expect(image.slice(0, 2).sort()).toEqual([
    expect.stringMatching(/^1\.000 {2}pictures\/0004\.png {2}a .*\.$/),
    expect.stringMatching(/^1\.000 {2}pictures\/0500\.png {2}a .*\.$/),
  ]);
});

it('as JSON, and as a page that needs no other file', () => {
  const json = JSON.parse(
    couplet('search', 'embedded', '--image', 'pictures/0007.png', '-k', '1', '--json').stdout,
  );
  expect(json).toEqual({
    query: 'pictures/0007.png',
    matches: [
      { row: 6, score: expect.closeTo(1, 5), id: 7, path: 'pictures/0007.png', caption: expect.any(String) },
    ],
  });
  const { status, stdout } = couplet(
    'search',
    'embedded',
    '--image',
    'pictures/0004.png',
    '-k',
    '4',
    '--html',
    'page.html',
  );
  expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  const page = readFileSync(join(folder, 'page.html'), 'utf8');
  expect(page.match(/<img src="data:image\/jpeg;base64,/g)).toHaveLength(4);
  expect(page.match(/(?:src|href)="(?!data:)/g)).toBeNull();
});

it('lists all rows when there are fewer than -k', () => {
  const { stdout, stderr } = couplet('search', 'embedded', 'a circle', '-k', '1000');
  expect(stdout.trimEnd().split('\n')).toHaveLength(599);
  expect(stderr).toBe('embedded has 599 rows, and all are listed.\n');
});

it('groups near-duplicates', () => {
  const { stdout } = couplet('search', 'embedded', '--duplicates', '--above', '0.9999999');
  expect(stdout).toContain('1.000  pictures/0004.png');
  expect(stdout).toMatch(
    /\n\d+ groups of \d+ near-duplicates \(cosine 0\.9999999 and more\) among 599 pictures\n$/,
  );
  const { groups } = JSON.parse(
    couplet('search', 'embedded', '--duplicates', '--above', '0.9999999', '--json').stdout,
  );
  const group = groups.find((each: { id: number }[]) => each.some(({ id }) => id === 4));
  expect(group.map(({ id }: { id: number }) => id)).toContain(500);
});

it.each([
  [['search', 'embedded'], 'couplet: Give one of: words, --image FILE, --duplicates, --page FOLDER.'],
  [
    ['search', 'embedded', 'a', '--duplicates'],
    'couplet: Give one of: words, --image FILE, --duplicates, --page FOLDER.',
  ],
  [
    ['search', 'embedded', 'a', '--above', '0.9'],
    'couplet: --above is the threshold of --duplicates: add that, or omit it.',
  ],
  [['search', 'none', 'a'], 'couplet: Cannot read none/embed.json: there is no such file'],
  [['search', 'embedded', 'a', '-k', '0'], 'Expected a whole number, 1 or more.'],
  [['search', 'embedded', '--duplicates', '--above', '2'], 'Expected a number above 0, and at most 1'],
  [['embed', 'run', 'pairs.csv'], "required option '--out <folder>' not specified"],
  [
    ['embed', 'run', 'pairs.csv', '--out', 'embedded'],
    'embedded holds another embedding (type of the numbers: "float32" there, "float16" now)',
  ],
  [['embed', 'run', 'pairs.csv', '--out', 'x', '--dtype', 'int8'], 'Allowed choices are float16, float32.'],
  [['embed', 'none', 'pairs.csv', '--out', 'x'], 'couplet: none is no run'],
])('%j: one sentence', (args, sentence) => {
  const { status, stderr } = couplet(...args);
  expect(status).toBe(1);
  expect(stderr).toContain(sentence);
  expect(stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(2);
});

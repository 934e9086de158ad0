// Runs every program of examples/ as its header says, on tiny data that code makes.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../src/cli/launch.ts';
import { readSafetensors } from '../../src/io/safetensors.ts';
import { temporaryFolder } from '../data/make.ts';
import { asFolder, asManifest, shapes } from '../run/shapes.ts';
import { ROOT } from './markdown.ts';

const EXAMPLES = join(ROOT, 'examples');
const programs = readdirSync(EXAMPLES).filter((name) => name.endsWith('.ts'));
const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const has = (path: string) => existsSync(join(folder, path));

/** Runs an example in the temporary folder, and returns what it printed. */
const runExample = (name: string, ...args: string[]): string =>
  execFileSync(
    process.execPath,
    ['--import', import.meta.resolve('jiti/register'), join(EXAMPLES, name), ...args],
    { cwd: folder, encoding: 'utf8', env: { ...process.env, OMP_NUM_THREADS: '1' } },
  );

beforeAll(async () => {
  asManifest(folder, await shapes(64));
  renameSync(join(folder, 'pairs.csv'), join(folder, 'train.csv'));
  asManifest(folder, await shapes(32, { seed: 1 }));
  renameSync(join(folder, 'pairs.csv'), join(folder, 'held-out.csv'));
  asFolder(join(folder, 'photos'), await shapes(64));
  asFolder(join(folder, 'unseen'), await shapes(64, { seed: 1 }));
});

describe('each example', () => {
  test.each(programs)(
    '%s fits on a screen, says its command and its time, and imports from couplet',
    (name) => {
      const text = readFileSync(join(EXAMPLES, name), 'utf8');
      expect(text.split('\n').length).toBeLessThanOrEqual(81);
      expect(text).toContain(`//   node --import jiti/register examples/${name} `);
      expect(text).toMatch(/^\/\/ .*\b(takes?|seconds?|minutes?)\b/m);
      const imported = [...text.matchAll(/ from '([^']+)'/g)].map(([, from]) => from);
      expect(imported).toContain('couplet');
      expect(imported.filter((from) => from !== 'couplet' && !from!.startsWith('node:'))).toEqual([]);
    },
  );

  test('has a line in the README', () => {
    const readme = readFileSync(join(EXAMPLES, 'README.md'), 'utf8');
    expect(programs.filter((name) => !readme.includes(`(${name})`))).toEqual([]);
    expect(programs).toHaveLength(7);
  });
});

// The later ones take the runs that the first two leave.
describe('on tiny data', { timeout: 600_000 }, () => {
  test('clip-on-a-csv.ts trains and measures', () => {
    const printed = runExample('clip-on-a-csv.ts', 'train.csv', 'held-out.csv', '2');
    expect(printed).toMatch(/^runs\/clip: of 32 held-out captions [\d.]+ % find their picture in ten\.$/m);
    expect(printed).toContain('By guessing: 31.3 %.');
  });

  test('locked-tower.ts trains heads on the features of that run', () => {
    const printed = runExample('locked-tower.ts', 'runs/clip', 'train.csv', 'held-out.csv', '2');
    expect(printed).toMatch(
      /^runs\/locked-tower: of 32 held-out captions [\d.]+ % find their picture in ten\.$/m,
    );
  });

  test('moco-v3-on-a-folder.ts trains and measures', () => {
    const printed = runExample('moco-v3-on-a-folder.ts', 'photos', '2', 'photos', 'unseen');
    expect(printed).toContain('runs/moco-v3: trained.');
    expect(printed).toMatch(/k-NN at start: [\d.]+ % right\nk-NN at latest: [\d.]+ % right/);
  });

  test('embed-and-search.ts finds pictures by words, and a picture by itself', () => {
    const byWords = runExample('embed-and-search.ts', 'runs/clip', 'photos', 'a small red circle');
    expect(byWords.trim().split('\n')).toHaveLength(5);
    const paths = readdirSync(join(folder, 'photos'), { recursive: true, encoding: 'utf8' });
    const picture = join('photos', paths.filter((path) => path.endsWith('.png')).sort()[7]!);
    for (const run of ['runs/clip', 'runs/moco-v3'])
      expect(runExample('embed-and-search.ts', run, 'photos', picture).split('\n')[0]).toBe(
        `1.000  ${picture}`,
      );
  });

  test("export.ts writes open_clip's names, and timm's for pictures alone", async () => {
    const printed = runExample('export.ts', 'runs/clip', 'open-clip', 'exported');
    expect(printed).toMatch(/^open_clip_model\.safetensors: features differ by at most \d\.\de-\d+$/m);
    const clip = await readSafetensors(join(folder, 'exported/open_clip_model.safetensors'));
    expect(clip.tensors.get('visual.conv1.weight')?.shape).toEqual([128, 3, 12, 12]);
    expect(['exported/open_clip_config.json', 'exported/tokenizer.json'].map(has)).toEqual([true, true]);

    expect(runExample('export.ts', 'runs/moco-v3', 'timm', 'vit')).toContain('vit: model.safetensors');
    const vit = await readSafetensors(join(folder, 'vit/model.safetensors'));
    expect(vit.tensors.get('patch_embed.proj.weight')?.shape).toEqual([192, 3, 8, 8]);
    expect(has('vit/tokenizer.json')).toBe(false);
  });

  test('resume.ts stops half way and goes on', () => {
    expect(runExample('resume.ts', 'train.csv', '6').trim().split('\n')).toEqual([
      'stopped at step 3 of 6, finished: false',
      'goes on at step 3',
      'step 6 of 6, finished: true',
    ]);
  });

  test('two-processes.ts trains on two ranks', async () => {
    process.env.MASTER_PORT = String(await freePort());
    const printed = runExample('two-processes.ts', 'train.csv', '3').trim().split('\n').sort();
    expect(printed).toEqual([
      'rank 0 saved runs/two-processes',
      'rank 0: 3 steps done',
      'rank 1: 3 steps done',
    ]);
    expect(has('runs/two-processes/checkpoints/step-00000003/model.safetensors')).toBe(true);
  });
});

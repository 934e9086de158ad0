import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { listCheckpoints } from '../../src/io/checkpoint-files.ts';
import { temporaryFolder } from '../data/make.ts';
import { asManifest, shapes } from '../run/shapes.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
// Inside the package, so that `import 'couplet'` finds it as it does for a user.
const program = join(root, 'build/readme-example/program.ts');

afterAll(() => rmSync(dirname(program), { recursive: true, force: true }));

const readme = readFileSync(join(root, 'README.md'), 'utf8');

test('every file and folder that the README names is there', () => {
  const linked = [...readme.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path]) => path);
  const named = [...readme.matchAll(/\b(?:configs|examples|scripts)\/[\w./-]+\.ts\b/g)].map(([path]) => path);
  const [, tree] = /^```\n(native\/.*?)^```/ms.exec(readme)!;
  const parts = [...tree.matchAll(/^( {2})?((?:[\w.-]+(?:\/|\.ts) )+)/gm)].flatMap(([, inner, names]) =>
    names
      .trim()
      .split(' ')
      .map((name) => (inner ? `src/${name}` : name)),
  );
  expect(parts.length).toBeGreaterThan(25);
  expect([...linked, ...named, ...parts].filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

test("the README's program trains", async () => {
  const code = /```ts\n([\s\S]*?)```/.exec(readme)![1];
  expect(code).toContain('epochs: 10');
  mkdirSync(dirname(program), { recursive: true });
  writeFileSync(
    program,
    code.replace('epochs: 10', 'steps: 2').replace('globalBatchSize: 128', 'globalBatchSize: 8'),
  );
  const folder = temporaryFolder();
  asManifest(folder, await shapes(16));
  renameSync(join(folder, 'pairs.csv'), join(folder, 'pictures.csv'));
  execFileSync(process.execPath, ['--import', import.meta.resolve('jiti/register'), program], {
    cwd: folder,
    stdio: 'pipe',
  });
  expect((await listCheckpoints(join(folder, 'runs/clip'))).map(({ step }) => step)).toEqual([2]);
  rmSync(folder, { recursive: true, force: true });
});

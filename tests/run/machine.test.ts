import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { couplet, runsFolder, type TinyConfig, tinyConfig } from './harness.ts';
import { asWebdataset, shapes } from './shapes.ts';

/** The machine fails: a sentence says so, and no error hides another. */

const folder = runsFolder();
let base: TinyConfig;
const main = join(import.meta.dirname, '../../dist/cli/main.js');

beforeAll(async () => {
  const train = asWebdataset(join(folder, 'train'), await shapes(32));
  base = { train, method: { name: 'clip' }, duration: { steps: 2 } };
});

function write(name: string, more: Partial<TinyConfig> = {}): string {
  const path = join(folder, `${name}.json`);
  writeFileSync(path, JSON.stringify(tinyConfig({ ...base, ...more, name })));
  return path;
}

test('too few open files for the workers', async () => {
  const path = write('files', { data: { workers: 16 } as never });
  const command = `ulimit -n 128; exec ${process.execPath} ${main} train ${path}`;
  const run = promisify(execFile)('bash', ['-c', command], { cwd: folder });
  const { code, stderr } = (await run.catch((error: { code: number; stderr: string }) => error)) as {
    code: number;
    stderr: string;
  };
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^couplet: .*this process has too many open files \(EMFILE\)\. Raise the limit \(ulimit -n 4096\), or lower data\.workers\.$/m,
  );
  expect(stderr).not.toMatch(/defect|skipped|\n {4}at /);
});

/** Removing a lock fails from here on. */
const preload = join(folder, 'no-unlink.cjs');
writeFileSync(
  preload,
  `const fs = require('node:fs');
const { rmSync } = fs;
fs.rmSync = (path, options) => {
  if (String(path).endsWith('/lock'))
    throw Object.assign(new Error('EIO: i/o error, unlink'), { code: 'EIO', syscall: 'unlink', path });
  return rmSync(path, options);
};
require('node:module').syncBuiltinESMExports();
`,
);

test.each([
  ['there is no data', { train: { type: 'folder', path: 'none' } as const }, /^couplet: .*none/m],
  ['training diverges', { optimizer: { peakLr: 1e20 } }, /^couplet: .*training diverged/m],
])('a lock that cannot be removed does not hide that %s', async (_, more, sentence) => {
  const { code, stderr } = await couplet(
    ['train', write('hidden', more), '--name', `hidden-${Object.keys(more)[0]}`],
    { cwd: folder, preload },
  ).ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(sentence);
  expect(stderr).not.toMatch(/EIO|defect/);
});

test('without another error it is told as it is', async () => {
  const { code, stderr } = await couplet(['train', write('lock')], { cwd: folder, preload }).ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^couplet: Cannot remove .*runs\/lock\/lock: the disk or the network file system failed \(EIO\)\./m,
  );
  expect(stderr).not.toMatch(/defect/);
});

test('a stream that nobody listens to fails with a sentence too', async () => {
  const early = join(folder, 'stream.cjs');
  const open = `require('node:fs').createReadStream('/none/pairs.csv')`;
  writeFileSync(
    early,
    `process.on('newListener', (name) => name === 'uncaughtException' && setImmediate(() => ${open}));`,
  );
  const { code, stderr } = await couplet(['doctor'], { cwd: folder, preload: early }).ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^couplet: Cannot use \/none\/pairs\.csv: there is no such file or folder \(ENOENT\)/m,
  );
  expect(stderr).not.toMatch(/defect|\n {4}at /);
});

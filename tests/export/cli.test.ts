// The command `couplet export`, in a process of its own (dist/).
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../src/io/safetensors.ts';
import { couplet, runsFolder, tinyConfig, trainTiny } from '../run/harness.ts';
import { asWebdataset, shapes } from '../run/shapes.ts';

const folder = runsFolder();
const run = (...args: string[]) => couplet(['export', ...args], { cwd: folder }).ended;

test('exports, checks, and ends with 1 when the files differ', { timeout: 120_000 }, async () => {
  const train = asWebdataset(join(folder, 'train'), await shapes(48));
  const config = tinyConfig({ train, name: 'pictures', method: { name: 'simclr' }, duration: { steps: 2 } });
  await trainTiny(config, { runsDir: join(folder, 'runs') });

  const refused = await run('runs/pictures', '--to', 'transformers');
  expect(refused.code).toBe(1);
  expect(refused.stderr).toBe(
    "couplet: transformers cannot have the model of runs/pictures: it has pool 'mean'. Use --to timm or onnx or transformers.js.\n",
  );
  expect(readdirSync(folder)).not.toContain('exports');

  const done = await run('runs/pictures', '--to', 'timm');
  expect(done.stderr).toBe('');
  expect(done.stdout).toMatch(
    /step-00000002 for timm\nmodel\.safetensors {2}difference \S+ {2}cosine 1\.00000 {2}good: at most 1e-5\ndone: /,
  );
  const out = join(folder, 'exports/pictures-timm');
  expect((await run('--check', out)).code).toBe(0);

  const { tensors } = await readSafetensors(join(out, 'model.safetensors'));
  tensors.get('norm.weight')!.data.fill(0);
  await writeSafetensors(join(out, 'model.safetensors'), tensors);
  const bad = await run('--check', out, '--json');
  expect(bad.code).toBe(1);
  expect(JSON.parse(bad.stdout).passes).toBe(false);

  const nothing = await run('runs/pictures');
  expect(nothing.stderr).toMatch(
    /^couplet: Give the folder of a run and --to transformers\|.*, or --check FOLDER\.\n$/,
  );
});

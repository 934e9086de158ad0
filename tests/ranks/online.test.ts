import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from '../data/make.ts';
import { couplet, rowsOf, tinyConfig } from '../run/harness.ts';
import { asWebdataset, shapes } from '../run/shapes.ts';

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeAll(async () => {
  const config = tinyConfig({
    train: asWebdataset(join(folder, 'data'), await shapes(48)),
    compression: { online: { tokenDropout: [0, 0.5], patchSize: [8], overhead: 0.2, scale: 'gradient' } },
    duration: { steps: 60 },
  });
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
});

async function run(name: string, ...flags: string[]) {
  const { ended } = couplet(['train', 'config.json', '--name', name, ...flags], { cwd: folder });
  const { code, stderr } = await ended;
  expect(code, stderr).toBe(0);
  return { rows: rowsOf(join(folder, 'runs', name)), stderr };
}

test('two ranks probe when one does, find what it finds, and choose alike', async () => {
  const one = await run('one');
  const two = await run('two', '--nproc', '2');
  expect(one.stderr).toMatch(/^step 0: compression moves to dropout 0\.5, patch 8$/m);
  for (const key of ['token_dropout', 'patch_size', 'forwards', 'probe/share'])
    expect(
      two.rows.map((row) => row[key]),
      key,
    ).toEqual(one.rows.map((row) => row[key]));
  // The first probe is at the same weights; after sixty steps of Adam sums in another order have grown.
  for (const key of ['probe/bias_squared', 'probe/variance', 'probe/error']) {
    const [a, b] = [one, two].map(({ rows }) => rows[0]![key] as number);
    expect(b! / a!, key).toBeCloseTo(1, 4);
  }
  const losses = [one, two].map(({ rows }) => rows.map((row) => row['train/loss'] as number));
  for (const [i, loss] of losses[0]!.slice(0, 20).entries()) expect(losses[1]![i]).toBeCloseTo(loss, 3);
});

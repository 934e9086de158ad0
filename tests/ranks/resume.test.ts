import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from '../data/make.ts';
import { couplet, rowsOf, tinyConfig } from '../run/harness.ts';
import { asWebdataset, shapes } from '../run/shapes.ts';

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Twelve steps of v2, which keeps most per sample; a checkpoint after six. */
beforeAll(async () => {
  const config = tinyConfig({
    train: asWebdataset(join(folder, 'data'), await shapes(48)),
    method: { name: 'fastclip', version: 'v2', rho: 2 },
    duration: { steps: 12 },
    checkpoint: { every: { steps: 6 } },
  });
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
});

async function run(name: string, ...flags: string[]) {
  const { ended } = couplet(['train', 'config.json', '--name', name, ...flags], { cwd: folder });
  const { code, stderr } = await ended;
  expect(code, stderr).toBe(0);
  return rowsOf(join(folder, 'runs', name));
}

const close = (value: unknown) => expect.closeTo(value as number, 4); // float32 sums in another order, twelve steps of Adam

test('a checkpoint of two ranks goes on with one, two and four, with the numbers of a run that was never stopped', async () => {
  const whole = await run('whole');
  const two = await run('two', '--nproc', '2');
  expect(two.map((row) => row['train/loss'])).toEqual(whole.map((row) => close(row['train/loss'])));
  for (const count of [1, 2, 4]) {
    const name = `from-two-${count}`;
    cpSync(join(folder, 'runs/two'), join(folder, 'runs', name), { recursive: true });
    const rows = await run(name, '--nproc', String(count), '--resume', 'runs/two/checkpoints/step-00000006');
    expect(rows.map(({ step }) => step)).toEqual(whole.map(({ step }) => step));
    for (const key of ['train/loss', 'train/log_u', 'train/temperature']) {
      expect(
        rows.map((row) => row[key]),
        `${count} ranks: ${key}`,
      ).toEqual(whole.map((row) => close(row[key])));
    }
    if (count === 2)
      expect(rows.map((row) => row['train/loss'])).toEqual(two.map((row) => row['train/loss'])); // bit for bit
  }
});

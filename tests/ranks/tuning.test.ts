// Freezing, rates by depth, averages and tables of features on two ranks.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkpointPath, EMA_FILE } from '../../src/io/checkpoint-files.ts';
import { temporaryFolder } from '../data/make.ts';
import { couplet, modelBytes, rowsOf, tinyConfig, tinyModel } from '../run/harness.ts';
import { asWebdataset, shapes } from '../run/shapes.ts';

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeAll(async () => {
  const config = tinyConfig({
    train: asWebdataset(join(folder, 'data'), await shapes(48)),
    method: { name: 'clip' },
    model: { ...tinyModel, freeze: { image: 'all', text: 0 } },
    optimizer: { peakLr: 2e-3, layerDecay: 0.5 },
    emaWeights: { momentum: 0.9 },
    duration: { steps: 8 },
    checkpoint: { every: { steps: 4 } },
  });
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
});

async function run(name: string, ...flags: string[]) {
  const { ended } = couplet(['train', 'config.json', '--name', name, ...flags], { cwd: folder });
  const { code, stderr } = await ended;
  expect(code, stderr).toBe(0);
  const runDir = join(folder, 'runs', name);
  return { runDir, losses: rowsOf(runDir).map((row) => row['train/loss']) };
}

test('two ranks have the losses of one; their average goes on after a resume with the same bytes', async () => {
  const one = await run('one');
  const two = await run('two', '--nproc', '2');
  // float32 sums in another order, eight steps of Adam
  expect(two.losses).toEqual(one.losses.map((loss) => expect.closeTo(loss as number, 4)));
  const bytes = () => [
    modelBytes(two.runDir, 8),
    readFileSync(join(checkpointPath(two.runDir, 8), EMA_FILE)),
  ];
  const before = bytes();
  await run('two', '--nproc', '2', '--resume', checkpointPath(two.runDir, 4));
  expect(existsSync(checkpointPath(two.runDir, 8))).toBe(true);
  bytes().forEach((after, i) => {
    expect(after.equals(before[i])).toBe(true);
  });
});

test('two ranks that each hold the features of frozen towers have the losses of one', async () => {
  const head = { layers: 2, hidden: 48 };
  const config = tinyConfig({
    train: asWebdataset(join(folder, 'held'), await shapes(48)),
    data: { hold: 'features' } as never,
    method: { name: 'fastclip' },
    model: {
      ...tinyModel,
      image: { ...tinyModel.image, head },
      text: { ...tinyModel.text, head },
      freeze: { image: 'all', text: 'all' },
    },
    duration: { steps: 8 },
  });
  writeFileSync(join(folder, 'held.json'), JSON.stringify(config));
  const runOf = async (name: string, ...flags: string[]) => {
    const { ended } = couplet(['train', 'held.json', '--name', name, ...flags], { cwd: folder });
    const { code, stderr } = await ended;
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('encoding 48 captions');
    return rowsOf(join(folder, 'runs', name)).map((row) => row['train/loss'] as number);
  };
  const one = await runOf('held-one');
  // float32 sums in another order, eight steps of Adam
  expect(await runOf('held-two', '--nproc', '2')).toEqual(one.map((loss) => expect.closeTo(loss, 4)));
});

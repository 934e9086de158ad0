import { expect, test } from 'vitest';
import type { SourceInput } from '../../src/data/index.ts';
import { runsFolder, tinyConfig, trainTiny } from './harness.ts';
import { asFolder, asManifest, asParquet, asWebdataset, type Sample, shapes } from './shapes.ts';

const folder = runsFolder();
/** One for each kind of source: types ask for the next one. */
const writers: Record<SourceInput['type'], (folder: string, samples: readonly Sample[]) => SourceInput> = {
  folder: asFolder,
  manifest: asManifest,
  parquet: asParquet,
  webdataset: asWebdataset,
};

test('folder, manifest, parquet and shards with the same pictures and captions train the same, bit for bit', async () => {
  // Sorted by caption, as a folder of classes is.
  const samples = (await shapes(192)).sort((a, b) => a.label - b.label);
  const losses: Record<string, unknown> = {};
  for (const [name, write] of Object.entries(writers)) {
    const train = write(`${folder}/${name}`, samples);
    const { rows } = await trainTiny(tinyConfig({ train, name, duration: { steps: 5 } }), {
      runsDir: folder,
    });
    losses[name] = rows.map((row) => row['train/loss']);
  }
  const { folder: first, ...others } = losses;
  expect(first).toHaveLength(5);
  expect(new Set(first as number[]).size).toBe(5);
  for (const [name, series] of Object.entries(others)) expect(series, name).toEqual(first);
});

test('sources joined train on all samples', async () => {
  const samples = await shapes(96);
  const train = [
    asManifest(`${folder}/joined-a`, samples.slice(0, 40)),
    asParquet(`${folder}/joined-b`, samples.slice(40)),
  ];
  const whole = asManifest(`${folder}/whole`, samples);
  const run = (name: string, source: typeof train) =>
    trainTiny(tinyConfig({ train: source, name, duration: { steps: 3 } }), { runsDir: folder });
  const joined = await run('joined', train);
  const single = await run('single', [whole]);
  expect(joined.events[0]).toMatchObject({ type: 'start', facts: { samples: 96 } });
  expect(joined.rows.map((row) => row['train/loss'])).toEqual(single.rows.map((row) => row['train/loss']));
});

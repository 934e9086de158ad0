import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../tests/data/make.ts';
import { tinyConfig } from '../../tests/run/harness.ts';
import { asFolder, asWebdataset, shapes } from '../../tests/run/shapes.ts';
import { parseConfig, type RunConfigInput } from '../config/index.ts';
import { type Dataset, openDataset, type SourceInput } from '../data/index.ts';
import { createTokenizer } from '../data/tokenizer/tokenizer.ts';
import { resolveConfig } from '../run/resolve.ts';
import { memoryStats, scope } from '../torch/index.ts';
import { openFeed } from './index.ts';

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));
/** Captions of the samples' own, and captions made from class names by templates. */
const sources: Record<string, SourceInput> = {};
beforeAll(async () => {
  const samples = await shapes(40);
  sources.captions = asWebdataset(`${folder}/train`, samples);
  sources.classes = {
    ...asFolder(`${folder}/classes`, samples),
    templates: ['a {}.', 'one {}, here', 'this is the {}'],
  } as SourceInput;
});

interface Taken {
  views: number[][];
  tokens: number[];
  tokenColumns: number;
  ids: number[];
  rows: { first: number; total: number };
}

async function take(
  dataset: Dataset,
  data: Partial<RunConfigInput['data']>,
  { rank = 0, worldSize = 1, startStep = 0, steps = 4 } = {},
): Promise<Taken[]> {
  const config = parseConfig(
    tinyConfig({ train: sources.captions!, data: { ...data } as RunConfigInput['data'] }),
  );
  const feed = await openFeed({
    config,
    dataset,
    model: resolveConfig(config).model,
    device: 'cpu',
    ranks: { rank, worldSize },
    workers: 1,
    tokenizer: createTokenizer({ type: 'clip', contextLength: 16 }),
    startStep,
  });
  const taken: Taken[] = [];
  for (let step = 0; step < steps; step++) {
    const batch = await feed.next();
    scope(() => {
      const { views, tokens, ids, rows } = batch.toDevice();
      taken.push({
        views: views.map((view) => view.toNumbers()),
        tokens: tokens.toNumbers(),
        tokenColumns: tokens.shape[1]!,
        ids: ids.toNumbers(),
        rows,
      });
    });
    batch.release();
  }
  await feed.close();
  return taken;
}

function captionsById(batches: readonly Taken[]): [string, string][] {
  return batches.flatMap(({ ids, tokens, tokenColumns }) =>
    ids.map((id, row): [string, string] => [
      String(id),
      tokens
        .slice(row * tokenColumns, (row + 1) * tokenColumns)
        .filter((token) => token > 0)
        .join(' '),
    ]),
  );
}

function expectSame(held: Taken[], streamed: Taken[]): void {
  expect(held.map(({ views, ...rest }) => rest)).toEqual(streamed.map(({ views, ...rest }) => rest));
  held.forEach(({ views }, step) => {
    views.forEach((bytes, v) => {
      const off = bytes.map((byte, i) => Math.abs(byte - streamed[step]!.views[v]![i]!));
      expect(off.reduce((a, b) => Math.max(a, b))).toBeLessThanOrEqual(1);
    });
  });
}

describe('feeds', () => {
  test('held pictures and read-ahead ones are the same batches, from any step, on any rank', async () => {
    const dataset = await openDataset([sources.captions!]);
    const crop = { scale: [0.3, 1] as [number, number] };
    const streamed = await take(dataset, { crop, flip: true });
    expectSame(await take(dataset, { crop, flip: true, hold: 'device' }), streamed);
    const later = { startStep: 2, steps: 2, rank: 1, worldSize: 2 };
    const second = await take(dataset, { crop, flip: true, hold: 'device' }, later);
    expect(second.map(({ ids }) => ids)).toEqual(streamed.slice(2).map(({ ids }) => ids.slice(8)));
    expect(second[0]!.rows).toEqual({ first: 8, total: 16 });
    expectSame(second, await take(dataset, { crop, flip: true }, later));
  });

  test('captions of classes change from epoch to epoch in both', async () => {
    const dataset = await openDataset([sources.classes!]);
    const streamed = await take(dataset, {}, { steps: 6 });
    expectSame(await take(dataset, { hold: 'device' }, { steps: 6 }), streamed);
    const epochs = [0, 3].map((step) => Object.fromEntries(captionsById(streamed.slice(step, step + 2))));
    const shared = Object.keys(epochs[0]!).filter((id) => id in epochs[1]!);
    expect(shared.some((id) => epochs[0]![id] !== epochs[1]![id])).toBe(true);
  });

  test('nothing is left on the device when a held feed is closed', async () => {
    const dataset = await openDataset([sources.captions!]);
    const before = memoryStats().liveTensors;
    await take(dataset, { hold: 'device' });
    expect(memoryStats().liveTensors).toBe(before);
  });
});

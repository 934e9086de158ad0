import { afterAll, expect, it } from 'vitest';
import { temporaryFolder } from '../../tests/data/make.ts';
import { tinyConfig, tinyModel } from '../../tests/run/harness.ts';
import { asManifest, shapes } from '../../tests/run/shapes.ts';
import { parseConfig } from '../config/index.ts';
import { openTrainData } from '../run/build.ts';
import { memoryStats } from '../torch/index.ts';
import { Samples } from './samples.ts';

const train = asManifest(temporaryFolder(), await shapes(96));
const model = { image: tinyModel.image };
const config = parseConfig(tinyConfig({ train, model: model as never, method: { name: 'simclr' } as never }));
const dataset = await openTrainData(config);
afterAll(() => dataset.close());

function samples({ keepBytes, first = 0, seed = 5 }: { keepBytes: number; first?: number; seed?: number }) {
  const context = { config, dataset, model: model as never, device: 'cpu', workers: 1 };
  return new Samples({ ...context, subBatch: 8, first, count: 4, seed, keepBytes });
}

/** Ids and sums of each view. */
async function seen(of: Samples): Promise<unknown[]> {
  const found: unknown[] = [];
  await of.pass(({ views, ids, rows }, index) => {
    found.push([
      index,
      ids.toNumbers(),
      rows,
      views.map((view) => view.to('float64').sum([1, 2, 3]).toNumbers()),
    ]);
  });
  return found;
}

it('every pass sees the same samples and views, kept or read again', async () => {
  const kept = samples({ keepBytes: 1e9 });
  const once = await seen(kept);
  expect(once.length).toBe(4);
  expect(await seen(kept)).toEqual(once);
  const read = samples({ keepBytes: 0 });
  expect(await seen(read)).toEqual(once);
  expect(await seen(read)).toEqual(once);
  for (const of of [kept, read]) of.dispose();
});

it('other sub-batches and other seeds are other samples', async () => {
  const [a, b, c] = [
    samples({ keepBytes: 0 }),
    samples({ keepBytes: 0, first: 4 }),
    samples({ keepBytes: 0, seed: 6 }),
  ];
  const ids = async (of: Samples) => (await seen(of)).flatMap((batch) => (batch as [number, number[]])[1]);
  const [first, next, other] = [await ids(a), await ids(b), await ids(c)];
  expect(new Set([...first, ...next]).size).toBe(64); // of one epoch: none twice
  expect(other).not.toEqual(first);
});

it('holds nothing where there is no room, and frees what it kept', async () => {
  const { liveTensors } = memoryStats();
  const read = samples({ keepBytes: 0 });
  await seen(read);
  expect(memoryStats().liveTensors).toBe(liveTensors);
  const kept = samples({ keepBytes: 1e9 });
  await seen(kept);
  expect(memoryStats().liveTensors).toBe(liveTensors + 4 * 4); // two views, tokens and ids of each
  kept.dispose();
  expect(memoryStats().liveTensors).toBe(liveTensors);
});

it('stops between two sub-batches, and can be passed over again', async () => {
  const of = samples({ keepBytes: 1e9 });
  const stop = new AbortController();
  const some: number[] = [];
  const whole = await of.pass((_, index) => {
    some.push(index);
    if (index === 1) stop.abort();
  }, stop.signal);
  expect([whole, some]).toEqual([false, [0, 1]]);
  expect((await seen(of)).length).toBe(4);
  of.dispose();
});

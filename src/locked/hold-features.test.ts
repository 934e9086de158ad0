import { rmSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { put, temporaryFolder } from '../../tests/data/make.ts';
import { tinyConfig } from '../../tests/run/harness.ts';
import { asManifest, shapes } from '../../tests/run/shapes.ts';
import { parseConfig } from '../config/index.ts';
import { type Dataset, openDataset } from '../data/index.ts';
import { createTokenizer } from '../data/tokenizer/tokenizer.ts';
import { type Encoder, encodeDataset } from '../evaluate/features.ts';
import { unitRows } from '../nn/unit-rows.ts';
import { alone } from '../ranks/index.ts';
import { createMethod } from '../run/build.ts';
import { modelWith, resolveConfig } from '../run/resolve.ts';
import { memoryStats, noGrad, scope } from '../torch/index.ts';
import { holdFeatures } from './hold-features.ts';

const folder = temporaryFolder();
const BAD = [0, 7, 23];
const tokenizer = createTokenizer({ type: 'clip', contextLength: 16 });
let dataset: Dataset;
let encoder: Encoder;
beforeAll(async () => {
  const source = asManifest(folder, await shapes(24));
  for (const k of BAD) put(folder, { [`pictures/${String(k).padStart(4, '0')}.png`]: 'no picture' });
  dataset = await openDataset([source]);
  const resolved = resolveConfig(parseConfig(tinyConfig({ train: source, method: { name: 'clip' } })));
  const model = modelWith(resolved, tokenizer);
  const method = createMethod(resolved.config, { model, datasetSize: 24, device: 'cpu', ranks: alone });
  encoder = { method, tokenizer, device: 'cpu', imageSize: 24, workers: 1, maxBadShare: 0.2 };
});
afterAll(() => {
  encoder.method.dispose();
  dataset.close();
  rmSync(folder, { recursive: true, force: true });
});

let before = 0;
afterEach(() => expect(memoryStats().liveTensors).toBe(before));

test("a sample's row is its id, and bad samples between them have none", async () => {
  before = memoryStats().liveTensors;
  const held = await holdFeatures(dataset, encoder, { embedDim: 32 });
  const expected = await encodeDataset(dataset, encoder, { texts: false });
  expect(held.problems.count).toBe(BAD.length);
  expect(expected.ids.map(Number)).toEqual(
    Array.from({ length: 24 }, (_, id) => id).filter((id) => !BAD.includes(id)),
  );
  const rows = scope(() => noGrad(() => unitRows(held.image).toNumbers()));
  const features = expected.images.toNumbers();
  expected.ids.forEach((id, k) => {
    // A half is off by at most 2^-11 of itself, the length of a row by as much.
    for (let column = 0; column < 32; column++)
      expect(Math.abs(rows[Number(id) * 32 + column]! - features[k * 32 + column]!)).toBeLessThan(2 ** -10);
    expect(held.tokens[Number(id) * 16]).toBeGreaterThan(0);
  });
  for (const id of BAD) {
    expect([...held.sizes.subarray(2 * id, 2 * id + 2)]).toEqual([0, 0]);
    expect(held.tokens[id * 16]).toBe(0);
  }
  expected.images.dispose();
  held.dispose();
});

test('a table that does not fit is refused with its size', async () => {
  before = memoryStats().liveTensors;
  await expect(holdFeatures(dataset, encoder, { embedDim: 32, freeBytes: 2048 })).rejects.toThrow(
    /features of 24 pictures, 32 halves each, need .* GiB on cpu, but only/,
  );
});

test('features that are no halves are refused', async () => {
  before = memoryStats().liveTensors;
  const projection = encoder.method.model.get('visual.proj')!;
  noGrad(() => projection.mul_(1e6));
  await expect(holdFeatures(dataset, encoder, { embedDim: 32 })).rejects.toThrow(/not finite as halves/);
  noGrad(() => projection.mul_(1e-6));
});

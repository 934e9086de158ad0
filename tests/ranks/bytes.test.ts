// What the log says that a step moves (fastclip.md 4.2), on two ranks that really send it.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from '../data/make.ts';
import { couplet, rowsOf, tinyConfig } from '../run/harness.ts';
import { asWebdataset, shapes } from '../run/shapes.ts';

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let data: ReturnType<typeof asWebdataset>;
beforeAll(async () => {
  data = asWebdataset(join(folder, 'data'), await shapes(32));
});

const K = 2;
const b = 8; // of 16
const E = 32; // embedDim of the tiny model
const others = K - 1;
const features = 8 * others * b * E;

async function logged(name: string, method: object) {
  const config = tinyConfig({ train: data, method: method as never, duration: { steps: 3 } });
  writeFileSync(join(folder, `${name}.json`), JSON.stringify({ ...config, name }));
  const { code, stderr } = await couplet(['train', `${name}.json`, '--nproc', String(K)], { cwd: folder })
    .ended;
  expect(code, stderr).toBe(0);
  const row = rowsOf(join(folder, 'runs', name)).at(1)!; // a line without a checkpoint
  return Object.fromEntries(
    ['features', 'features_gradient', 'ids', 'u'].map((label) => [label, row[`bytes_per_step/${label}`]]),
  );
}

test("FastCLIP's reduction and OpenCLIP's: the log has the bytes of both", async () => {
  const v3 = { name: 'fastclip', version: 'v3' };
  const scalars = { ids: 8 * others * b, u: 16 * others * b }; // 24 (K - 1) b together, as 4.2 has it
  expect(await logged('v3', v3)).toEqual({ features, features_gradient: undefined, ...scalars });
  expect(await logged('v3-openclip', { ...v3, reduction: 'openclip' })).toEqual({
    features,
    features_gradient: features,
    ...scalars,
  });
  expect(await logged('clip', { name: 'clip' })).toEqual({
    features,
    features_gradient: features,
    ids: undefined,
    u: undefined,
  });
});

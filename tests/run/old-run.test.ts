// tests/run/old-run is a run of 65 steps that commit 21a5ea5 wrote up to step 14, when keys had other names (src/config/migrate.ts).
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { migrateConfig, parseConfig, type RunConfigInput } from '../../src/config/index.ts';
import { evaluateRun } from '../../src/run/evaluate-run.ts';
import { rowsOf, runsFolder, trainTiny } from './harness.ts';
import { asWebdataset, shapes } from './shapes.ts';

const folder = runsFolder();
asWebdataset(`${folder}/train`, await shapes(32));
asWebdataset(`${folder}/test`, await shapes(32, { seed: 1 }));

/** A copy of the old run on the data of this test; returns its config as it was saved. */
function copyOfRun(name: string): { runDir: string; config: Record<string, unknown> } {
  const runDir = join(folder, name);
  cpSync(fileURLToPath(new URL('old-run', import.meta.url)), runDir, { recursive: true });
  const path = join(runDir, 'config.json');
  const text = readFileSync(path, 'utf8').replaceAll('DATA/', `${folder}/`);
  writeFileSync(path, text);
  return { runDir, config: JSON.parse(text) };
}

test('it goes on, and its config is saved under the keys of today', async () => {
  const { runDir, config } = copyOfRun('run');
  const today = migrateConfig(config) as unknown as RunConfigInput;
  const { finished, step } = await trainTiny(today, { runsDir: folder, resume: 'latest' });
  expect({ finished, step }).toEqual({ finished: true, step: 65 });
  const row = rowsOf(runDir)[14];
  expect(row).toMatchObject({ step: 15, epoch: 3.5, token_dropout: 0, forwards: 1013.6470588235293 });
  expect(row['train/loss']).toBeCloseTo(13.764158248901367, 4);
  const saved = JSON.parse(readFileSync(join(runDir, 'config.json'), 'utf8'));
  expect(saved.compression.online).toMatchObject({ gradientCompute: 0.5 });
  expect(saved.compression.online).not.toHaveProperty('budget');
});

test('it is evaluated', async () => {
  const { neighbours } = await evaluateRun(copyOfRun('evaluated').runDir);
  expect(neighbours).toMatchObject({ pictures: 32, k: 5 });
});

test('another value under the new key is another run', async () => {
  const { config } = copyOfRun('run-changed');
  const today = migrateConfig({ ...config, name: 'run-changed' }) as unknown as RunConfigInput;
  today.compression!.online!.gradientCompute = 1;
  await expect(trainTiny(today, { runsDir: folder, resume: 'latest' })).rejects.toThrow(
    'compression.online.gradientCompute was 0.5, is 1',
  );
});

test('a config that a person writes is refused with the name of today', () => {
  const { config } = copyOfRun('refused');
  expect(() => parseConfig(config as RunConfigInput)).toThrow(
    'compression.online.budget is now compression.online.gradientCompute',
  );
});

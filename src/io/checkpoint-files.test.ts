import { mkdir, mkdtemp, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  checkpointName,
  checkpointPath,
  latestCheckpoint,
  listCheckpoints,
  pruneCheckpoints,
  runPaths,
  stepOfCheckpoint,
} from './checkpoint-files.ts';
import { writeSafetensors } from './safetensors.ts';

const stateAt = (step: number) => ({
  step,
  optimizer: { steps: step, missed: {} },
  datasetSize: 20,
  spent: { steps: step, forwards: 24, seconds: 1.5 },
  skipped: { count: 1, first: [{ name: 'a.jpg', reason: 'half' }] },
});

let run: string;
beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), 'couplet-'));
});

async function writeCheckpoint(step: number): Promise<string> {
  const path = checkpointPath(run, step);
  await mkdir(path, { recursive: true });
  const w = { dtype: 'uint8', shape: [4], data: Uint8Array.of(1, 2, 3, 4) } as const;
  await writeSafetensors(join(path, 'model.safetensors'), { w });
  await writeSafetensors(join(path, 'state.safetensors'), { w });
  await writeFile(join(path, 'state.json'), JSON.stringify(stateAt(step)));
  return path;
}

const steps = async () => (await listCheckpoints(run)).map(({ step }) => step);

describe('checkpoint names', () => {
  it('go from step to name and back', () => {
    expect(checkpointName(1200)).toBe('step-00001200');
    for (const step of [0, 1200, 99_999_999, 123_456_789_012])
      expect(stepOfCheckpoint(checkpointName(step))).toBe(step);
    for (const name of ['step-12', 'step-0000012x', 'step-000001200', 'step-00001200.tmp-3', '']) {
      expect(stepOfCheckpoint(name)).toBeUndefined();
    }
    expect(() => checkpointName(-1)).toThrow(RangeError);
  });
});

describe('a run without checkpoints', () => {
  it('has none', async () => {
    expect(await listCheckpoints(run)).toEqual([]);
    expect(await latestCheckpoint(run)).toBeUndefined();
  });
});

describe('the latest checkpoint', () => {
  beforeEach(async () => {
    for (const step of [900, 1000, 10_000]) await writeCheckpoint(step);
  });

  it('is the one of the largest step', async () => {
    await mkdir(join(runPaths(run).checkpoints, 'step-00099999.tmp-1'));
    expect(await steps()).toEqual([900, 1000, 10_000]);
    expect((await latestCheckpoint(run))?.step).toBe(10_000);
  });

  it.each([
    ['the model is cut', (path: string) => truncate(join(path, 'model.safetensors'), 90)],
    ['the state is missing', (path: string) => rm(join(path, 'state.safetensors'))],
    ['state.json is half written', (path: string) => writeFile(join(path, 'state.json'), '{"step": 10')],
    [
      'state.json is of another step',
      (path: string) => writeFile(join(path, 'state.json'), '{"step": 1000}'),
    ],
    ['state.json is missing', (path: string) => rm(join(path, 'state.json'))],
  ])('is the one before when %s', async (_, damage) => {
    await damage(checkpointPath(run, 10_000));
    const damaged: number[] = [];
    const latest = await latestCheckpoint(run, { onDamaged: ({ step }) => damaged.push(step) });
    expect(latest).toEqual({ step: 1000, path: checkpointPath(run, 1000) });
    expect(damaged).toEqual([10_000]);
  });
});

it('a checkpoint that the system cannot read is no damaged one: a resume from the one before would remove it', async () => {
  for (const step of [900, 1000]) await writeCheckpoint(step);
  const path = join(checkpointPath(run, 1000), 'state.json');
  await rm(path);
  await symlink('state.json', path);
  await expect(latestCheckpoint(run)).rejects.toThrow(/state\.json: its links go in a circle \(ELOOP\)/);
});

it('pruning keeps the newest and the best', async () => {
  for (const step of [1, 2, 3, 4, 5]) await writeCheckpoint(step);
  expect((await pruneCheckpoints(run, { keep: 2, best: 2 })).map(({ step }) => step)).toEqual([1, 3]);
  expect(await steps()).toEqual([2, 4, 5]);
  await pruneCheckpoints(run, { keep: 1 });
  expect(await readdir(runPaths(run).checkpoints)).toEqual(['step-00000005']);
  await expect(pruneCheckpoints(run, { keep: 0 })).rejects.toThrow(RangeError);
});

import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { latestCheckpoint, MODEL_FILE, verifyCheckpoint } from '../../src/io/checkpoint-files.ts';
import type { TrainEvent } from '../../src/train.ts';
import { modelBytes, numbersOf, rowsOf, runsFolder, stepsSaved, tinyConfig, trainTiny } from './harness.ts';
import { asWebdataset, shapes } from './shapes.ts';

const folder = runsFolder();
const train = asWebdataset(`${folder}/train`, await shapes(64));
const heldOut = asWebdataset(`${folder}/test`, await shapes(32, { seed: 1 }));

const place = (runDir: string, step: number) =>
  join(runDir, 'checkpoints', `step-${String(step).padStart(8, '0')}`);
const bestOf = (runDir: string) => JSON.parse(readFileSync(join(runDir, 'best.json'), 'utf8'));
const warnings = (events: TrainEvent[]) =>
  events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));

/** 20 steps, a checkpoint each 4, an evaluation each 5. */
const config = (name: string, steps = 20) =>
  tinyConfig({
    train,
    name,
    duration: { steps },
    checkpoint: { every: { steps: 4 }, keep: 2 },
    evaluate: { every: { steps: 5 }, retrieval: { data: heldOut }, bestBy: 'text_to_image_r5' },
  });

let whole: Awaited<ReturnType<typeof trainTiny>>;
beforeAll(async () => {
  whole = await trainTiny(config('whole'), { runsDir: folder });
});

/** A copy of the whole run's folder, to damage. */
function copyOf(name: string): string {
  const runDir = join(folder, name);
  cpSync(whole.runDir, runDir, { recursive: true });
  // The run's name is its folder.
  writeFileSync(
    join(runDir, 'config.json'),
    readFileSync(join(whole.runDir, 'config.json'), 'utf8').replace('"whole"', `"${name}"`),
  );
  return runDir;
}

describe('which checkpoints are kept', () => {
  test('the newest two and the best; best.json says which and how good', async () => {
    const evaluated = whole.rows.filter((row) => 'eval/text_to_image_r5' in row);
    const values = evaluated.map((row) => row['eval/text_to_image_r5'] as number);
    const value = Math.max(...values);
    const best = evaluated.find((row) => row['eval/text_to_image_r5'] === value)!.step;
    expect(bestOf(whole.runDir)).toEqual({ step: best, metric: 'eval/text_to_image_r5', value });
    expect(await stepsSaved(whole.runDir)).toEqual([...new Set([best, 16, 20])].sort((a, b) => a - b));
    const saves = whole.events.flatMap((event) => (event.type === 'saved' ? [event.step] : []));
    // What became the best was saved although it was no turn of checkpoint.every.
    const improved = values.flatMap((v, i) =>
      v > Math.max(0, ...values.slice(0, i)) ? [evaluated[i]!.step] : [],
    );
    expect(saves).toEqual([...new Set([4, 8, 12, 16, 20, ...improved])].sort((a, b) => a - b));
  });
});

describe('resuming', () => {
  test('--resume PATH goes on from there; later checkpoints are removed, said so, and written again', async () => {
    const runDir = copyOf('from-path');
    const other = await trainTiny(
      { ...config('from-path', 20) },
      { runsDir: folder, resume: place(runDir, 16) },
    );
    expect(other.events.find(({ type }) => type === 'start')).toMatchObject({ step: 16 });
    expect(warnings(other.events)).toEqual([
      expect.stringMatching(/step-00000020 is removed: its steps are run again/),
    ]);
    expect(numbersOf(runDir)).toEqual(numbersOf(whole.runDir));
    expect(modelBytes(runDir, 20).equals(modelBytes(whole.runDir, 20))).toBe(true);
    expect(bestOf(runDir)).toEqual(bestOf(whole.runDir));
    expect(await stepsSaved(runDir)).toEqual(await stepsSaved(whole.runDir));
  });

  test('what is saved after a resume from an earlier checkpoint is not pruned for the later ones', async () => {
    const runDir = copyOf('stopped-again');
    const abort = new AbortController();
    const onEvent = (event: TrainEvent) => {
      if (event.type === 'log' && event.row.step === 17) abort.abort();
    };
    const options = { runsDir: folder, resume: place(runDir, 16), signal: abort.signal, onEvent };
    expect(await trainTiny(config('stopped-again'), options)).toMatchObject({ step: 17, finished: false });
    expect((await latestCheckpoint(runDir))!.step).toBe(17);
    const last = await trainTiny(config('stopped-again'), { runsDir: folder, resume: 'latest' });
    expect(last.events[0]).toMatchObject({ type: 'start', step: 17 });
    expect(numbersOf(runDir)).toEqual(numbersOf(whole.runDir));
  });

  test('a damaged newest checkpoint is skipped with a warning, the earlier one is used', async () => {
    const runDir = copyOf('damaged');
    const model = join(place(runDir, 20), MODEL_FILE);
    truncateSync(model, statSync(model).size - 100);
    const second = await trainTiny(config('damaged'), { runsDir: folder, resume: 'latest' });
    expect(warnings(second.events)[0]).toMatch(
      /step-00000020 is skipped: .*model\.safetensors .*(cut|shorter|bytes)/,
    );
    expect(second.events.find(({ type }) => type === 'start')).toMatchObject({ step: 16 });
    expect(numbersOf(runDir)).toEqual(numbersOf(whole.runDir));
    expect(modelBytes(runDir, 20).equals(modelBytes(whole.runDir, 20))).toBe(true);
  });

  test('with damaged checkpoints only it is refused, and nothing is lost', async () => {
    const runDir = copyOf('all-damaged');
    for (const step of await stepsSaved(runDir)) truncateSync(join(place(runDir, step), MODEL_FILE), 30);
    const saved = await stepsSaved(runDir);
    const run = trainTiny(config('all-damaged'), { runsDir: folder, resume: 'latest' });
    await expect(run).rejects.toThrow(
      /No checkpoint of .*all-damaged is whole:\n[\s\S]*step-00000020 is skipped[\s\S]*--name/,
    );
    expect(await stepsSaved(runDir)).toEqual(saved);
    expect(rowsOf(runDir)).toEqual(whole.rows);
  });

  test('the best one is found again although a kill left best.json ahead of its checkpoint', async () => {
    const runDir = copyOf('best-ahead');
    const { step } = bestOf(runDir);
    rmSync(place(runDir, 20), { recursive: true });
    writeFileSync(
      join(runDir, 'best.json'),
      JSON.stringify({ step: 20, metric: 'eval/text_to_image_r5', value: 1 }),
    );
    await trainTiny(config('best-ahead'), { runsDir: folder, resume: 'latest' });
    expect(bestOf(runDir)).toEqual(bestOf(whole.runDir));
    await verifyCheckpoint({ path: place(runDir, step), step });
  });

  test('what crashed processes left behind is cleaned; a longer duration goes on from the end', async () => {
    const runDir = copyOf('stale');
    const gone = `${place(runDir, 24)}.tmp-4194304`; // above the largest process id
    mkdirSync(gone);
    writeFileSync(join(gone, MODEL_FILE), 'half');
    writeFileSync(join(runDir, 'config.json.tmp-4194304'), '{');
    const second = await trainTiny(config('stale', 24), { runsDir: folder, resume: 'latest' });
    expect(second).toMatchObject({ step: 24, finished: true });
    expect(readdirSync(runDir).filter((name) => name.includes('.tmp-'))).toEqual([]);
    expect(readdirSync(join(runDir, 'checkpoints')).filter((name) => name.includes('.tmp-'))).toEqual([]);
  });

  test('a run that is over stays as it is', async () => {
    const runDir = copyOf('over');
    const second = await trainTiny(config('over'), { runsDir: folder, resume: 'latest' });
    expect(second).toMatchObject({ step: 20, finished: true });
    expect(second.events).toMatchObject([
      { type: 'warning', message: 'nothing is left to train at step 20: give a longer duration to go on' },
      { type: 'start' },
    ]);
    expect(rowsOf(runDir)).toEqual(whole.rows);
  });

  test('without a checkpoint it starts from the beginning, and says so', async () => {
    const run = await trainTiny(config('nothing', 2), { runsDir: folder, resume: 'latest' });
    expect(run.step).toBe(2);
    expect(warnings(run.events)).toEqual([
      expect.stringMatching(/nothing has no checkpoint: .*from the beginning/),
    ]);
  });
});

/** A file system of 16 MiB, where a person may make one. */
function smallDisk(): string | undefined {
  const path = mkdtempSync(join(tmpdir(), 'couplet-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', path], { stdio: 'ignore' });
    return path;
  } catch {
    rmSync(path, { recursive: true });
    return undefined;
  }
}

test('a full disk while saving: one sentence, and the earlier checkpoint stays whole', async ({
  skip,
  onTestFinished,
}) => {
  const disk = smallDisk();
  if (!disk) return skip('only root can mount a small file system');
  onTestFinished(() => {
    execFileSync('umount', [disk]);
    rmSync(disk, { recursive: true });
  });
  const onEvent = (event: TrainEvent) => {
    if (event.type !== 'saved' || event.step !== 2) return;
    // Room for half a checkpoint, and for the metrics.
    const size = statSync(join(event.path, MODEL_FILE)).size;
    const free = Number(
      execFileSync('df', ['--output=avail', '-B1', disk], { encoding: 'utf8' }).split('\n')[1],
    );
    writeFileSync(join(disk, 'other'), new Uint8Array(free - Math.floor(1.5 * size)));
  };
  const full = tinyConfig({
    train,
    name: 'full',
    duration: { steps: 10 },
    checkpoint: { every: { steps: 2 }, keep: 2 },
  });
  const run = trainTiny(full, { runsDir: disk, onEvent });
  await expect(run).rejects.toThrow(/Cannot write .*step-00000004: the disk is full .*Make room/);
  const runDir = join(disk, 'full');
  expect(readdirSync(join(runDir, 'checkpoints'))).toEqual(['step-00000002']);
  await verifyCheckpoint({ path: place(runDir, 2), step: 2 });
  expect(existsSync(place(runDir, 4))).toBe(false);

  rmSync(join(disk, 'other'));
  const second = await trainTiny(full, { runsDir: disk, resume: 'latest' });
  expect(second.events[0]).toMatchObject({ type: 'start', step: 2 });
  expect(second.finished).toBe(true);
  const there = await trainTiny({ ...full, name: 'not-full' }, { runsDir: folder });
  expect(numbersOf(second.runDir)).toEqual(numbersOf(there.runDir));
});

import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { RunConfigInput } from '../../src/config/index.ts';
import { modelBytes, numbersOf, runsFolder, type TinyConfig, tinyConfig, trainTiny } from './harness.ts';
import { asWebdataset, shapes } from './shapes.ts';

/** Runs on pictures that the device holds: those on pictures that workers decode, to the rounding of bytes. */

const STEPS = 10;
const folder = runsFolder();
const runsDir = join(folder, 'runs');
const train = asWebdataset(join(folder, 'train'), await shapes(60));

function config(name: string, hold: 'none' | 'device', more: Partial<TinyConfig> = {}): RunConfigInput {
  const data = { hold, flip: true, crop: { scale: [0.5, 1] } } as unknown as RunConfigInput['data'];
  return tinyConfig({
    train,
    data,
    duration: { steps: STEPS },
    checkpoint: { every: { steps: 5 } },
    ...more,
    name,
  });
}

const lossesOf = (runDir: string) => numbersOf(runDir).map((row) => row['train/loss'] as number);

test('the losses of a run are those of the run that decodes each time', async () => {
  const held = await trainTiny(config('held', 'device'), { runsDir });
  const read = await trainTiny(config('read', 'none'), { runsDir });
  expect(held.finished).toBe(true);
  const told = held.events.slice(
    0,
    held.events.findIndex(({ type }) => type === 'start'),
  );
  expect(told[0]).toEqual({ type: 'holding', done: 0, total: 60 });
  expect(told.at(-1)).toEqual({ type: 'holding', done: 60, total: 60 });
  expect(read.events.some(({ type }) => type === 'holding')).toBe(false);
  const [ours, theirs] = [lossesOf(held.runDir), lossesOf(read.runDir)];
  expect(ours).toHaveLength(STEPS);
  // A few bytes of 1728 a picture differ by one.
  for (const [step, loss] of ours.entries()) expect(Math.abs(loss - theirs[step]!)).toBeLessThan(2e-3);
  expect(theirs[0]).not.toBe(theirs[1]);
});

test('a run that finds decoded pictures from an earlier one is, to the last bit, that one', async () => {
  const cached = (name: string) => {
    const one = config(name, 'device');
    return { ...one, data: { ...one.data, cache: join(folder, 'cache') } };
  };
  const first = await trainTiny(cached('writes'), { runsDir });
  const second = await trainTiny(cached('finds'), { runsDir });
  expect(first.events.some(({ type }) => type === 'holding')).toBe(true);
  expect(second.events.some(({ type }) => type === 'holding' || type === 'warning')).toBe(false);
  expect(numbersOf(second.runDir)).toEqual(numbersOf(first.runDir));
  expect(modelBytes(second.runDir, STEPS).equals(modelBytes(first.runDir, STEPS))).toBe(true);
  const loose = { ...cached('loose'), data: { ...cached('loose').data, hold: 'none' as const } };
  await expect(trainTiny(loose, { runsDir })).rejects.toThrow(
    /data\.cache.*set data\.hold to 'device' or 'features', or leave it out/,
  );
});

test('a run that is interrupted is, to the last bit, the one that was not', async () => {
  const whole = await trainTiny(config('whole', 'device'), { runsDir });
  const stop = new AbortController();
  const onEvent = ({ type }: { type: string }) => type === 'saved' && stop.abort();
  const cut = config('cut', 'device');
  const first = await trainTiny(cut, { runsDir, signal: stop.signal, onEvent });
  expect(first.step).toBeLessThan(STEPS);
  const second = await trainTiny(cut, { runsDir, resume: 'latest' });
  expect(numbersOf(second.runDir)).toEqual(numbersOf(whole.runDir));
  expect(modelBytes(second.runDir, STEPS).equals(modelBytes(whole.runDir, STEPS))).toBe(true);
});

test('views of several sizes, with colours: DINO from workers and from pictures that are held', async () => {
  const dino = {
    model: { image: { imageSize: 24, patchSize: 8, width: 32, layers: 1, heads: 2 } },
    method: { name: 'dino', localCrops: { count: 3, size: 16 }, head: { hidden: 64, outputs: 256 } },
    duration: { steps: 3 },
    batch: { globalBatchSize: 8 },
  } as unknown as Partial<TinyConfig>;
  const held = await trainTiny(config('dino-held', 'device', dino), { runsDir });
  const read = await trainTiny(config('dino-read', 'none', dino), { runsDir });
  const [ours, theirs] = [lossesOf(held.runDir), lossesOf(read.runDir)];
  for (const [step, loss] of ours.entries()) expect(Math.abs(loss - theirs[step]!)).toBeLessThan(2e-3);
});

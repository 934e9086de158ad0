import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import type { SourceInput } from '../../src/data/index.ts';
import { CoupletError } from '../../src/errors.ts';
import { latestCheckpoint, STATE_FILE, STATE_TENSORS_FILE } from '../../src/io/checkpoint-files.ts';
import { readSafetensors } from '../../src/io/safetensors.ts';
import { memoryStats } from '../../src/torch/index.ts';
import type { TrainEvent } from '../../src/train.ts';
import { put } from '../data/make.ts';
import {
  modelBytes,
  numbersOf,
  runsFolder,
  stepsSaved,
  type TinyConfig,
  tinyConfig,
  trainTiny,
} from './harness.ts';
import { shapes } from './shapes.ts';

const folder = runsFolder();

/** The header of a PNG of this size, and nothing behind it. */
function pngHeader(side: number): Buffer {
  const ihdr = Buffer.alloc(25);
  ihdr.writeUInt32BE(13, 0);
  ihdr.write('IHDR', 4);
  ihdr.writeUInt32BE(side, 8);
  ihdr.writeUInt32BE(side, 12);
  ihdr.set([8, 2, 0, 0, 0], 16);
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ihdr]);
}

const reasons: Record<string, RegExp> = {
  'cut-1.jpg': /cut or damaged/,
  'cut-2.jpg': /cut or damaged/,
  'cut-3.jpg': /cut or damaged/,
  'silent.jpg': /caption is empty/,
  'gone.jpg': /there is no such file/,
  'one.png': /1 x 1 pixels, smaller than the 8 that a picture needs/,
  'huge.png': /20000 x 20000 pixels, more than maxPixels/,
};
const BAD = Object.keys(reasons).length;
const GOOD = 64;
let source: SourceInput;

beforeAll(async () => {
  const samples = await shapes(GOOD);
  const jpegs = await Promise.all(samples.map(({ png }) => sharp(png).jpeg().toBuffer()));
  const files: Record<string, Uint8Array> = { 'silent.jpg': jpegs[0]!, 'huge.png': pngHeader(20_000) };
  jpegs.forEach((jpeg, k) => {
    files[`good-${k}.jpg`] = jpeg;
  });
  for (const k of [1, 2, 3])
    files[`cut-${k}.jpg`] = jpegs[k]!.subarray(0, Math.floor(jpegs[k]!.length * 0.6));
  files['one.png'] = await sharp({ create: { width: 1, height: 1, channels: 3, background: 'red' } })
    .png()
    .toBuffer();
  const bad = Object.keys(reasons).map((name) => `${name},${name === 'silent.jpg' ? '' : 'some words'}`);
  const rows = samples.map(({ caption }, k) => `good-${k}.jpg,${caption}`);
  put(folder, files);
  put(folder, {
    'mixed.csv': ['path,caption', ...rows.slice(0, 30), ...bad, ...rows.slice(30)].join('\n'),
    // 12 files that are not there.
    'missing.csv': [
      'path,caption',
      ...rows,
      ...Array.from({ length: 12 }, (_, k) => `lost-${k}.jpg,words`),
    ].join('\n'),
  });
  source = { type: 'manifest', path: join(folder, 'mixed.csv') };
});

const config = (name: string, more: Partial<TinyConfig> = {}) =>
  tinyConfig({
    train: source,
    name,
    duration: { epochs: 2 },
    checkpoint: { every: { steps: 2 }, keep: 2 },
    ...more,
  });
const allow = (maxBadShare: number) => ({ data: { train: source, maxBadShare } });

describe('bad samples in a run', () => {
  test('are skipped and counted; the run ends well, and goes on the same after a stop', async () => {
    const evaluate = { every: { steps: 4 }, retrieval: { data: source } };
    const whole = await trainTiny(config('mixed', { ...allow(0.3), evaluate }), { runsDir: folder });
    expect(whole.finished).toBe(true);
    const counts = whole.rows.flatMap((row) => ('skipped' in row ? [row.skipped as number] : []));
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(counts.at(-1)).toBe(whole.skipped.count);
    // 128 of 142 places of two epochs: each at least once, and more when they came as replacements of each other.
    expect(whole.skipped.count).toBeGreaterThanOrEqual(BAD);
    expect(whole.skipped.count).toBeLessThan(4 * BAD);
    const found = new Map(
      whole.skipped.first.map(({ name, reason }) => [name.slice(folder.length + 1), reason]),
    );
    for (const [name, reason] of Object.entries(reasons)) expect(found.get(name), name).toMatch(reason);
    expect(whole.report).toMatchObject({ skipped: BAD, retrieval: { pairs: GOOD } });

    const abort = new AbortController();
    const onEvent = (event: TrainEvent) => {
      if (event.type === 'log' && event.row.step === 3) abort.abort();
    };
    const stopped = config('mixed-stopped', { ...allow(0.3), evaluate });
    const { runDir, step } = await trainTiny(stopped, { runsDir: folder, signal: abort.signal, onEvent });
    expect(step).toBe(3);
    const resumed = await trainTiny(stopped, { runsDir: folder, resume: 'latest' });
    expect(resumed.skipped).toEqual(whole.skipped);
    expect(resumed.rows.flatMap((row) => ('skipped' in row ? [row.skipped] : []))).toEqual(counts);
    expect(numbersOf(runDir)).toEqual(numbersOf(whole.runDir));
    const last = whole.totalSteps;
    expect(modelBytes(runDir, last).equals(modelBytes(whole.runDir, last))).toBe(true);

    // A checkpoint that was written before checkpoints said it.
    const statePath = join((await latestCheckpoint(runDir))!.path, STATE_FILE);
    const { skipped, ...older } = JSON.parse(readFileSync(statePath, 'utf8'));
    expect(skipped).toMatchObject(whole.skipped);
    expect(new Set(skipped.ids).size).toBe(whole.skipped.count);
    writeFileSync(statePath, JSON.stringify(older));
    const again = await trainTiny(stopped, { runsDir: folder, resume: 'latest' });
    expect(again.skipped).toEqual({ count: 0, first: [] });
  });

  test('among pictures that are held count once, whether the run is resumed or not', async () => {
    const abort = new AbortController();
    const held = config('held', { data: { train: source, maxBadShare: 0.3, hold: 'device' } });
    const onEvent = ({ type }: TrainEvent) => type === 'log' && abort.abort();
    const first = await trainTiny(held, { runsDir: folder, signal: abort.signal, onEvent });
    expect(first).toMatchObject({ finished: false, skipped: { count: BAD } });
    const second = await trainTiny(held, { runsDir: folder, resume: 'latest' });
    expect(second).toMatchObject({ finished: true, skipped: { count: BAD } });
  });

  test('beyond maxBadShare they end it: the reason, the first ten names; the last checkpoint is whole', async () => {
    const before = memoryStats().liveTensors;
    const lost = { type: 'manifest', path: join(folder, 'missing.csv') } as const;
    const run = trainTiny(config('missing', { train: lost, data: { train: lost, maxBadShare: 0.1 } }), {
      runsDir: folder,
    });
    await expect(run).rejects.toThrow(CoupletError);
    const { message } = (await run.catch((error) => error)) as Error;
    expect(message).toMatch(
      /^1\d of \d\d samples \(1\d\.\d %\) could not be used; at most 10 % is allowed\./,
    );
    expect(message.match(/lost-\d+\.jpg: there is no such file/g)).toHaveLength(10);
    expect(message).toMatch(/\.\.\. and [1-9] more\nMend the data, or raise .*maxBadShare/);
    expect((await latestCheckpoint(join(folder, 'missing')))!.step).toBe(4);
    expect(memoryStats().liveTensors).toBe(before);
  });

  test('in the data of an evaluation they count against the same share', async () => {
    const before = memoryStats().liveTensors;
    const good = { type: 'manifest', path: join(folder, 'good.csv') } as const;
    const rows = (await shapes(GOOD)).map(({ caption }, k) => `good-${k}.jpg,${caption}`);
    put(folder, { 'good.csv': ['path,caption', ...rows].join('\n') });
    const evaluate = { every: { steps: 4 }, retrieval: { data: source } };
    const run = await trainTiny(config('evaluated', { train: good, evaluate }), { runsDir: folder });
    expect(run).toMatchObject({ finished: true, report: { skipped: 0 } });
    expect(run.report!.retrieval).toBeUndefined();
    const sentence =
      /^evaluate\.retrieval failed after step (4|8), and the run goes on without it: 7 of 71 samples \(9\.9 %\) could not be used; at most 1 % is allowed/;
    const warnings = run.events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
    expect(warnings).toEqual([expect.stringMatching(sentence), expect.stringMatching(sentence)]);
    const failed = run.rows.filter((row) => 'eval/failed' in row);
    expect(failed.map((row) => [row.step, row['eval/failed']])).toEqual([
      [4, warnings[0]],
      [8, warnings[1]],
    ]);
    expect(await stepsSaved(join(folder, 'evaluated'))).toEqual([6, 8]);
    expect(memoryStats().liveTensors).toBe(before);
  });
});

describe('a run that diverges', () => {
  // No warm-up, and a cosine that ends at an absurd rate: the first step has rate 0, the second 1e28.
  const wild = (name: string, more: Partial<TinyConfig>) =>
    config(name, {
      ...allow(1),
      duration: { steps: 20 },
      optimizer: { peakLr: 1e-3 },
      schedule: { finalLr: 1e30 },
      ...more,
    });

  test('ends with the sentence about it on the next log step', async () => {
    const before = memoryStats().liveTensors;
    const run = trainTiny(wild('logged', { checkpoint: {} }), { runsDir: folder });
    await expect(run).rejects.toThrow(CoupletError);
    await expect(run).rejects.toThrow(
      /^train\/\w+ is (NaN|-?Infinity) at step [34]: training diverged\. .*lower optimizer\.peakLr, a longer schedule\.warmup, or optimizer\.clipGradNorm\.$/,
    );
    expect(memoryStats().liveTensors).toBe(before);
  });

  test('saves nothing that is not a number, also between log steps: the last checkpoint is good', async () => {
    const run = trainTiny(
      wild('unlogged', { log: { every: { steps: 10 } }, checkpoint: { every: { steps: 1 } } }),
      {
        runsDir: folder,
      },
    );
    await expect(run).rejects.toThrow(
      /^after step 2 weight visual.proj is not finite: its norm is Infinity: training diverged/,
    );
    expect(await stepsSaved(join(folder, 'unlogged'))).toEqual([1]);
    const { path } = (await latestCheckpoint(join(folder, 'unlogged')))!;
    for (const file of ['model.safetensors', STATE_TENSORS_FILE]) {
      const { tensors } = await readSafetensors(join(path, file));
      for (const [name, { dtype, data }] of tensors) {
        if (dtype !== 'float32') continue;
        const values = new Float32Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength / 4);
        expect(values.every(Number.isFinite), name).toBe(true);
      }
    }
  });
});

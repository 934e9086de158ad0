import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cosine } from '../../src/time/schedules.ts';
import type { TrainEvent } from '../../src/train.ts';
import {
  modelBytes,
  numbersOf,
  runsFolder,
  type TinyConfig,
  tinyConfig,
  tinyModel,
  trainTiny,
} from './harness.ts';
import { asWebdataset, shapes } from './shapes.ts';

const folder = runsFolder();
const train = asWebdataset(`${folder}/train`, await shapes(64));
const image = { ...tinyModel.image, imageSize: 24, patchSize: 4 }; // 36 patches
const model = { ...tinyModel, image };
const WHOLE = 3 * 16; // forwards of a step on whole sequences
const COSTS: Record<string, number> = { '0 4': 1, '0.5 4': 19 / 37, '0 8': 10 / 37, '0.5 8': 5 / 37 };
const grid = { tokenDropout: [0, 0.5], patchSize: [4, 8], overhead: 0.2, gradientCompute: 1 };
const online = { ...grid, scale: 'gradient' as const };
const config = (name: string, more: Partial<TinyConfig> = {}) =>
  tinyConfig({
    train,
    name,
    model,
    compression: { online },
    duration: { forwards: WHOLE * 60 },
    schedule: { warmup: { share: 0.1 } },
    ...more,
  });
const moves = (events: readonly TrainEvent[]) => events.filter((event) => event.type === 'compression');
const chosen = (row: Record<string, unknown>) => `${row.token_dropout} ${row.patch_size}`;
/** All that a run says, without what depends on the time it took. */
const traceOf = (rows: readonly Record<string, unknown>[]) =>
  rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).filter(([key]) =>
        /^(step|lr|epoch|forwards|token_dropout|patch_size)$|^(train|probe)\//.test(key),
      ),
    ),
  );
const stopAt = (step: number) => {
  const stop = new AbortController();
  const onEvent = ({ type, ...event }: { type: string; row?: { step?: number } }) => {
    if (type === 'log' && event.row!.step === step) stop.abort();
  };
  return { signal: stop.signal, onEvent };
};

describe('a run that chooses its compression', async () => {
  const whole = await trainTiny(config('whole'), { runsDir: folder });

  // @proves allowanceOf
  test('keeps to its budget, of which probes are a part below the stated share', () => {
    const { rows, finished } = whole;
    expect(finished).toBe(true);
    // What steps cost, from the log alone; the rest went into probes.
    const steps = rows.reduce((sum, row) => sum + WHOLE * COSTS[chosen(row)]!, 0);
    const last = rows.at(-1)!;
    const spent = last.forwards as number;
    expect(spent).toBeLessThanOrEqual(WHOLE * 60 * (1 + 1e-9));
    expect(spent).toBeGreaterThan(WHOLE * 59 - 1e-6);
    expect(last['probe/share']).toBeCloseTo((spent - steps) / spent, 9);
    expect(last['probe/share']).toBeLessThanOrEqual(0.2);
    expect(last['probe/share']).toBeGreaterThan(0.03); // more than the first one
  });

  // @proves withProbe
  test('counts noise by the learning rate, with that of the peak in the warm-up', () => {
    const found = whole.rows.filter((row) => row['probe/error'] !== undefined);
    expect(found.length).toBeGreaterThan(10);
    const shares = found.map((row) => {
      const noise = (row['probe/error'] as number) - Math.max(0, row['probe/bias_squared'] as number);
      return (noise * 16) / (COSTS[chosen(row)]! * (row['probe/variance'] as number));
    });
    const fall = cosine(1, 0);
    shares.forEach((share, i) => {
      const progress = (found[i]!.forwards as number) / (WHOLE * 60);
      expect(share).toBeCloseTo(fall((progress - 0.1) / 0.9), 6);
    });
  });

  test('begins with what the first probe finds, and tells when it moves', () => {
    const { rows, events } = whole;
    const told = moves(events);
    expect(told[0]).toMatchObject({ step: 0 });
    const { tokenDropout, patchSize } = (
      told[0] as { compression: { tokenDropout: number; patchSize: number } }
    ).compression;
    expect(chosen(rows[0]!)).toBe(`${tokenDropout} ${patchSize}`);
    expect(chosen(rows[0]!)).not.toBe('0 4');
    const changes = rows.filter((row, i) => i > 0 && chosen(row) !== chosen(rows[i - 1]!));
    expect(changes.map(({ step }) => (step as number) - 1)).toEqual(
      told.slice(1).map((event) => event.type === 'compression' && event.step),
    );
    // Not in each row: a tiny batch's squared gradient may come out below zero.
    expect(rows.flatMap((row) => Object.keys(row))).toEqual(
      expect.arrayContaining(['probe/bias_squared', 'probe/variance', 'probe/error', 'probe/error_whole']),
    );
  });

  // Between the two batches of a probe, and later.
  test.each([1, 40])('stopped after step %i and resumed it is the same to the last bit', async (step) => {
    const name = `parts-${step}`;
    const first = await trainTiny(config(name), { runsDir: folder, ...stopAt(step) });
    expect(first).toMatchObject({ step, finished: false });
    const last = await trainTiny(config(name), { runsDir: folder, resume: 'latest' });
    expect(traceOf(last.rows)).toEqual(traceOf(whole.rows));
    expect(modelBytes(last.runDir, last.step).equals(modelBytes(whole.runDir, whole.step))).toBe(true);
  });

  test('a checkpoint without what probes found is refused', async () => {
    const first = await trainTiny(config('bare'), { runsDir: folder, ...stopAt(3) });
    const path = join(first.runDir, 'checkpoints/step-00000003/state.json');
    const { online: found, ...rest } = JSON.parse(readFileSync(path, 'utf8'));
    expect(found).toMatchObject({ probes: 1, nextStep: 2 });
    writeFileSync(path, JSON.stringify(rest));
    await expect(trainTiny(config('bare'), { runsDir: folder, resume: 'latest' })).rejects.toThrow(
      /has no state of compression\.online/,
    );
  });
});

describe("a run that weighs gradients as Adam's steps do", () => {
  const inScale = (name: string, more: Partial<TinyConfig> = {}) =>
    config(name, { compression: { online: { ...grid, scale: 'adam' } }, ...more });

  test('waits until there are second moments, chooses otherwise, and resumes to the last bit', async () => {
    const run = await trainTiny(inScale('adam'), { runsDir: folder });
    expect(run.finished).toBe(true);
    const shares = run.rows.map((row) => row['probe/share']);
    expect(shares.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 0));
    expect(shares[10]).toBeGreaterThan(0);
    // The raw gradient of that very step would have chosen larger patches.
    expect(run.rows.slice(0, 12).map(chosen)).toEqual(Array.from({ length: 12 }, () => '0 4'));
    const first = await trainTiny(inScale('adam-parts'), { runsDir: folder, ...stopAt(11) });
    expect(first).toMatchObject({ step: 11, finished: false });
    const last = await trainTiny(inScale('adam-parts'), { runsDir: folder, resume: 'latest' });
    expect(traceOf(last.rows)).toEqual(traceOf(run.rows));
    expect(modelBytes(last.runDir, last.step).equals(modelBytes(run.runDir, run.step))).toBe(true);
  });

  const optimizer = { name: 'sgd', peakLr: 0.1 } as never;

  test('is refused with an optimizer that keeps none', async () => {
    const sgd = inScale('sgd', { optimizer });
    await expect(trainTiny(sgd, { runsDir: folder })).rejects.toThrow(
      /compression\.online\.scale 'adam' needs .* adamw and lamb .* optimizer\.name is sgd/,
    );
  });

  test('nor does a run with such an optimizer unless asked to', async () => {
    const plain = config('plain-sgd', { optimizer, compression: { online: grid } });
    const { runDir, rows } = await trainTiny(plain, { runsDir: folder });
    const saved = JSON.parse(readFileSync(join(runDir, 'config.json'), 'utf8'));
    expect(saved.compression.online.scale).toBe('gradient');
    expect(rows[0]!['probe/share']).toBeGreaterThan(0);
  });
});

test('probes move nothing: with candidates that are all whole the numbers are those of a run without compression', async () => {
  const steps = { duration: { steps: 50 }, data: { flip: true } as TinyConfig['data'] };
  const { compression: _, ...without } = config('without', steps);
  const plain = await trainTiny(without, { runsDir: folder });
  const same = { tokenDropout: [0, 1e-12], patchSize: [4], overhead: 0.2 }; // no token is dropped
  const probed = await trainTiny(config('same', { ...steps, compression: { online: same } }), {
    runsDir: folder,
  });
  expect(numbersOf(probed.runDir)).toEqual(numbersOf(plain.runDir));
  expect(modelBytes(probed.runDir, 50).equals(modelBytes(plain.runDir, 50))).toBe(true);
  const [a, b] = [probed, plain].map(({ rows }) => rows.at(-1)!.forwards as number);
  expect(b).toBe(50 * WHOLE);
  expect(a).toBe(62 * WHOLE); // three probes, each two candidates on two batches
  expect(probed.rows.at(-1)!['probe/share']).toBeCloseTo(12 / 62, 12);
});

test('a budget in seconds is shared with probes too, each of which counts as the steps that it takes gradients of', async () => {
  const seconds: Record<string, number> = { '0 4': 1, '0.5 4': 0.6, '0 8': 0.4, '0.5 8': 0.3 };
  const stepTimes = Object.entries(seconds).map(([key, each]) => {
    const [tokenDropout, patchSize] = key.split(' ').map(Number);
    return { tokenDropout, patchSize, seconds: each };
  });
  const timed = config('timed', { duration: { seconds: 40 }, stepTimes });
  const { rows, events, finished } = await trainTiny(timed, { runsDir: folder });
  expect(finished).toBe(true);
  // Nobody knows how many steps that buys, and whole ones would be 40: gamma's epochs and the status line go by the pace so far.
  const totals = events.flatMap((event) => (event.type === 'log' ? [event.totalSteps] : []));
  expect(rows.length).toBeGreaterThan(45);
  expect(Math.abs(totals.at(-1)! - rows.length)).toBeLessThan(3);
  const { train_seconds: spent, 'probe/share': share } = rows.at(-1)! as Record<string, number>;
  const steps = rows.reduce((sum, row) => sum + seconds[chosen(row)]!, 0);
  expect(spent - steps).toBeCloseTo(share * spent, 9);
  expect(share).toBeGreaterThanOrEqual((2 * 2.3) / 41); // one probe of all four at least
  expect(share).toBeLessThanOrEqual(0.2);
});

test('MoCo v3, from pictures that the device holds and in parts of a batch, with the default patches', async () => {
  const { rows, finished, events } = await trainTiny(
    config('moco', {
      model: { image: { ...image, pool: 'class' } },
      method: { name: 'moco-v3', symmetric: false, heads: { hidden: 32, embedDim: 16 } },
      data: { hold: 'device' } as TinyConfig['data'],
      batch: { globalBatchSize: 16, gradAccumSteps: 2 },
      compression: { online: { tokenDropout: [0, 0.5], overhead: 0.2 } },
      duration: { forwards: 4 * 16 * 100 },
    }),
    { runsDir: folder },
  );
  expect(finished).toBe(true);
  expect(moves(events).length).toBeGreaterThan(0);
  expect(rows.at(-1)!['probe/share']).toBeLessThanOrEqual(0.2);
  const saved = JSON.parse(readFileSync(join(folder, 'moco/config.json'), 'utf8'));
  expect(saved.compression).toEqual({
    online: {
      tokenDropout: [0, 0.5],
      patchSize: [4, 6, 8],
      overhead: 0.2,
      gradientCompute: 0.25,
      scale: 'adam',
    },
  });
});

describe('is refused before the first step', () => {
  const refused: [string, Partial<TinyConfig>, RegExp][] = [
    [
      'a run too short for its probes',
      { duration: { steps: 20 }, compression: { online: { ...online, overhead: 0.01 } } },
      /^compression\.online: this run is too short\. One probe of 4 compressions costs 3\.8 training steps, and overhead 0\.01 cannot pay for 3 probes\. Train 141 times as long, list fewer tokenDropout or patchSize values, or raise overhead\.$/,
    ],
    [
      'a time that ends within the first probe',
      { duration: { seconds: 0.0001 } },
      /^compression\.online: this run is too short\. The first probe takes .* s, and overhead 0\.2 of 0\.0001 s allows 0\.0000200 s\. Train longer,/,
    ],
    [
      'patches smaller than the own ones',
      { compression: { online: { patchSize: [2, 4] } } },
      /^compression\.online\.patchSize has 2, smaller than the model's own 4, which makes sequences longer: give sides from 4 on\.$/,
    ],
    [
      'patches that do not divide the image',
      { compression: { online: { patchSize: [7] } } },
      /^compression\.online\.patchSize is 7, which does not divide images of 24 pixels/,
    ],
    [
      'two forms at once',
      { compression: { online, tokenDropout: 0.5 } },
      /expected tokenDropout and patchSize, or stages, or file, or online/,
    ],
    [
      'a share above a fifth',
      { compression: { online: { overhead: 0.5 } } },
      /compression\.online\.overhead/,
    ],
    [
      'a warm-up in steps where the duration does not fix how many there are',
      { schedule: { warmup: { steps: 3 } } },
      /^schedule\.warmup is a number of steps, and a duration in forwards with compression\.online does not fix how many there are: give a share of the run, such as \{ share: 0\.05 \}\.$/,
    ],
    [
      'a ResNet',
      {
        model: {
          ...tinyModel,
          image: { type: 'resnet', imageSize: 32, layers: [1, 1, 1, 1], width: 8, heads: 8 },
        } as TinyConfig['model'],
      },
      /^compression shortens the sequence of a ViT, but model\.image is a ResNet: leave it out\.$/,
    ],
  ];
  test.each(refused)('%s', async (_what, more, message) => {
    await expect(
      Promise.resolve().then(() => trainTiny(config('refused', more), { runsDir: folder })),
    ).rejects.toThrow(message);
  });
});

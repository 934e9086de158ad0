// Runs whose frozen image tower encodes each picture once, into a table of halves.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { RunConfigInput } from '../../src/config/index.ts';
import type { SourceInput } from '../../src/data/index.ts';
import { checkpointPath, MODEL_FILE } from '../../src/io/checkpoint-files.ts';
import { readSafetensors } from '../../src/io/safetensors.ts';
import { put } from '../data/make.ts';
import {
  modelBytes,
  numbersOf,
  runsFolder,
  type TinyConfig,
  tinyConfig,
  tinyModel,
  trainTiny,
} from './harness.ts';
import { asFolder, asManifest, asWebdataset, shapes } from './shapes.ts';

const STEPS = 6;
const folder = runsFolder();
const runsDir = join(folder, 'runs');
let train: SourceInput;
let classes: SourceInput;
beforeAll(async () => {
  const samples = await shapes(60);
  train = asWebdataset(join(folder, 'train'), samples);
  const templates = ['a {}.', 'one {}, here', 'this is the {}'];
  classes = { ...asFolder(join(folder, 'classes'), samples), templates } as SourceInput;
});

const head = { layers: 2, hidden: 48 };
const headed = { ...tinyModel, image: { ...tinyModel.image, head }, text: { ...tinyModel.text, head } };
const locked = { ...headed, freeze: { image: 'all', text: 'all' } } as const;

/** Whole pictures: of square ones also the centre crop. */
const WHOLE = { scale: [1, 1], ratio: [1, 1] };

function config(name: string, hold: 'none' | 'features', more: Partial<TinyConfig> = {}): RunConfigInput {
  const data = { hold, ...(hold === 'none' && { crop: WHOLE }) } as unknown as RunConfigInput['data'];
  return tinyConfig({
    train,
    data,
    model: { ...tinyModel, freeze: 'image' },
    method: { name: 'clip' },
    duration: { steps: STEPS },
    ...more,
    name,
  });
}

const lossesOf = (runDir: string) => numbersOf(runDir).map((row) => row['train/loss'] as number);

describe('the losses are those of the run that encodes each picture in each step', () => {
  const cases: Record<string, Partial<TinyConfig>> = {
    clip: {},
    'clip in two parts': { batch: { globalBatchSize: 16, gradAccumSteps: 2 } },
    'clip in bfloat16': { precision: 'bfloat16' },
    siglip: { method: { name: 'siglip' } },
    'clip with a head': { model: { ...headed, freeze: 'image' } },
    'heads alone': { model: locked },
    'heads alone on captions of classes': { model: locked, method: { name: 'siglip' } },
    'heads alone in two parts': { model: locked, batch: { globalBatchSize: 16, gradAccumSteps: 2 } },
    'heads alone with fastclip': { model: locked, method: { name: 'fastclip' } },
    'fastclip v0': { method: { name: 'fastclip', version: 'v0' } },
    'fastclip v1': { method: { name: 'fastclip', version: 'v1' } },
    'fastclip v2': { method: { name: 'fastclip', version: 'v2' } },
    'fastclip v3': { method: { name: 'fastclip', version: 'v3' } },
  };
  test.each(Object.entries(cases))('%s', async (name, more) => {
    const slug = name.replaceAll(' ', '-');
    const given = name.includes('classes') ? { train: classes, ...more } : more;
    const held = await trainTiny(config(`held-${slug}`, 'features', given), { runsDir });
    const whole = await trainTiny(config(`whole-${slug}`, 'none', given), { runsDir });
    const [ours, theirs] = [lossesOf(held.runDir), lossesOf(whole.runDir)];
    expect(ours).toHaveLength(STEPS);
    // A half is off by at most 2^-11 of itself, so a similarity by 2^-11, its logit by 1/tau times that, and a loss, a difference of
    // two logits, by twice as much. 1/tau stays below 1/0.03 (the start of v2); siglip sums over the 16 texts of a batch.
    const bound = (more.method?.name === 'siglip' ? 16 * 10 : 2 / 0.03) * 2 ** -11;
    for (const [step, loss] of ours.entries()) expect(Math.abs(loss - theirs[step]!)).toBeLessThan(bound);
    expect(Math.abs(theirs[0]! - theirs.at(-1)!)).toBeGreaterThan(1e-3);
  });
});

test('pictures are encoded once, with progress, and no step needs them', async () => {
  const pairs = asManifest(join(folder, 'pairs'), await shapes(40));
  const onEvent = ({ type }: { type: string }) =>
    type === 'start' && rmSync(join(folder, 'pairs', 'pictures'), { recursive: true });
  const { finished, events, skipped } = await trainTiny(config('once', 'features', { train: pairs }), {
    runsDir,
    onEvent,
  });
  expect(finished).toBe(true);
  expect(skipped.count).toBe(0);
  expect(events[0]).toEqual({ type: 'holding', done: 0, total: 40, encodes: 'pictures' });
  expect(events.some(({ type }) => type === 'warning')).toBe(false);
});

test('a run that is interrupted is, to the last bit, the one that was not', async () => {
  const more = { checkpoint: { every: { steps: 3 } }, method: { name: 'fastclip' } } as const;
  const whole = await trainTiny(config('uncut', 'features', more), { runsDir });
  const stop = new AbortController();
  const onEvent = ({ type }: { type: string }) => type === 'saved' && stop.abort();
  const first = await trainTiny(config('cut', 'features', more), { runsDir, signal: stop.signal, onEvent });
  expect(first.step).toBe(3);
  const second = await trainTiny(config('cut', 'features', more), { runsDir, resume: 'latest' });
  expect(numbersOf(second.runDir)).toEqual(numbersOf(whole.runDir));
  expect(modelBytes(second.runDir, STEPS).equals(modelBytes(whole.runDir, STEPS))).toBe(true);
});

test('with data.cache the next run with these towers encodes nothing; damage, or other weights, encode again', async () => {
  const cache = join(folder, 'cache');
  const cached = (name: string, more: Partial<TinyConfig> = {}) => {
    const one = config(name, 'features', { model: locked, duration: { steps: 3 }, ...more });
    return { ...one, data: { ...one.data, cache } };
  };
  const encodes = ({ events }: { events: { type: string }[] }) =>
    events.some(({ type }) => type === 'holding');
  const first = await trainTiny(cached('writes'), { runsDir });
  const second = await trainTiny(cached('finds'), { runsDir });
  expect([first, second].map(encodes)).toEqual([true, false]);
  expect(numbersOf(second.runDir)).toEqual(numbersOf(first.runDir));
  expect(modelBytes(second.runDir, 3).equals(modelBytes(first.runDir, 3))).toBe(true);
  const files = () => readdirSync(cache).filter((name) => name.endsWith('.features.safetensors'));
  expect(files()).toHaveLength(1);
  const path = join(cache, files()[0]!);
  const bytes = readFileSync(path);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(path, bytes);
  const third = await trainTiny(cached('damaged'), { runsDir });
  expect(encodes(third)).toBe(true);
  expect(modelBytes(third.runDir, 3).equals(modelBytes(first.runDir, 3))).toBe(true);
  expect(encodes(await trainTiny(cached('other', { seed: 1 }), { runsDir }))).toBe(true);
  expect(files()).toHaveLength(2);
  const trainsText = { model: { ...headed, freeze: 'image' } } as const;
  expect(encodes(await trainTiny(cached('text-learns', trainsText), { runsDir }))).toBe(true);
});

test('bad samples are counted, and never drawn', async () => {
  const samples = await shapes(40);
  const pairs = asManifest(join(folder, 'holes'), samples);
  for (const k of [0, 7, 39])
    put(join(folder, 'holes'), { [`pictures/${String(k).padStart(4, '0')}.png`]: 'no' });
  const data = { maxBadShare: 0.1, hold: 'features' } as unknown as RunConfigInput['data'];
  const held = await trainTiny(config('holes', 'features', { train: pairs, data }), { runsDir });
  expect(held.skipped.count).toBe(3);
  const few = { ...config('few', 'features', { train: pairs, data: { ...data, maxBadShare: 0.05 } }) };
  await expect(trainTiny(few, { runsDir })).rejects.toThrow(/3 of 40/);
});

test('heads learn while both towers stay, and a run can start from them', async () => {
  const { runDir } = await trainTiny(config('heads', 'features', { model: locked }), { runsDir });
  const start = await trainTiny(config('no-step', 'features', { model: locked, duration: { steps: 1 } }), {
    runsDir,
  });
  const [first, last] = await Promise.all(
    [checkpointPath(start.runDir, 1), checkpointPath(runDir, STEPS)].map(
      async (path) => (await readSafetensors(join(path, MODEL_FILE))).tensors,
    ),
  );
  const moved = [...last!.keys()].filter(
    (name) => !Buffer.from(first!.get(name)!.data).equals(Buffer.from(last!.get(name)!.data)),
  );
  const mlp = (prefix: string) => ['0.weight', '0.bias', '2.weight', '2.bias'].map((name) => prefix + name);
  expect(moved.sort()).toEqual(['logit_scale', ...mlp('text_head.'), ...mlp('visual.head.')].sort());
  const further = config('further', 'features', {
    model: { from: runDir, freeze: { image: 'all', text: 'all' } } as never,
  });
  const told = (await trainTiny(further, { runsDir })).events.find(({ type }) => type === 'start') as {
    facts: { weights: string[] };
  };
  expect(told.facts.weights[0]).toMatch(new RegExp(`: ${last!.size} tensors$`));
  const other = { from: runDir, freeze: 'image', text: { head: { layers: 1, hidden: 8 } } } as never;
  const changed = await trainTiny(config('changed', 'features', { model: other }), { runsDir });
  const { facts } = changed.events.find(({ type }) => type === 'start') as { facts: { weights: string[] } };
  expect(facts.weights[0]).toMatch(/4 tensors of parts that this model has not are left out/);
});

test('random crops that are ignored are said', async () => {
  const data = { hold: 'features', flip: true } as unknown as RunConfigInput['data'];
  const { events } = await trainTiny(config('crops', 'features', { data, duration: { steps: 1 } }), {
    runsDir,
  });
  expect(events.filter(({ type }) => type === 'warning')).toEqual([
    { type: 'warning', message: expect.stringMatching(/^data.crop and data.flip do nothing/) },
  ]);
});

test.each<[string, Partial<TinyConfig>, RegExp]>([
  [
    'a tower that learns',
    { model: { ...tinyModel, freeze: 'text' } },
    /the image tower learns: freeze it whole/,
  ],
  ['a part that learns', { model: { ...tinyModel, freeze: { image: 1 } } }, /the image tower learns/],
  ['compression', { compression: { tokenDropout: 0.5 } } as never, /Leave compression out/],
  ['forwards', { duration: { forwards: 100 } }, /Give steps, samples, epochs or seconds/],
  [
    'a method without texts',
    { method: { name: 'simclr' }, model: { image: tinyModel.image } },
    /no text tower/,
  ],
])('%s is refused before the data is read', async (_, more, reason) => {
  const one = config('refused', 'features', { train: { type: 'folder', path: '/nowhere' }, ...more });
  await expect(trainTiny(one, { runsDir })).rejects.toThrow(reason);
});

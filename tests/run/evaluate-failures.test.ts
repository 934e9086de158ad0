// An evaluation that fails costs no weights; numbers that mean nothing are told with their cause.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { openDataset } from '../../src/data/index.ts';
import { encodeDataset } from '../../src/evaluate/index.ts';
import { retrievalEvaluator } from '../../src/evaluate/retrieval.ts';
import { readSafetensors, writeSafetensors } from '../../src/io/safetensors.ts';
import { evaluateRun } from '../../src/run/evaluate-run.ts';
import { loadRun } from '../../src/run/load-run.ts';
import { memoryStats } from '../../src/torch/index.ts';
import type { TrainEvent } from '../../src/train.ts';
import { put } from '../data/make.ts';
import {
  modelBytes,
  rowsOf,
  runsFolder,
  stepsSaved,
  type TinyConfig,
  tinyConfig,
  trainTiny,
} from './harness.ts';
import { asFolder, asWebdataset, shapes } from './shapes.ts';

const folder = runsFolder();
const train = asWebdataset(`${folder}/train`, await shapes(48));
const heldOut = await shapes(24, { seed: 1 });
const pairs = asWebdataset(`${folder}/pairs`, heldOut);

/** Six steps; an evaluation after the second, the fourth and the last. */
const config = (name: string, more: Partial<TinyConfig> = {}) =>
  tinyConfig({
    train,
    name,
    method: { name: 'clip' },
    duration: { steps: 6 },
    evaluate: { every: { steps: 2 }, retrieval: { data: pairs } },
    ...more,
  });
const warnings = (events: TrainEvent[]) =>
  events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
const evaluated = (rows: ReturnType<typeof rowsOf>) =>
  rows.filter((row) => 'eval/mean_recall' in row).map(({ step }) => step);
const model = (runDir: string, step: number) =>
  join(runDir, 'checkpoints', `step-${String(step).padStart(8, '0')}`, 'model.safetensors');

let whole: Awaited<ReturnType<typeof trainTiny>>;
beforeAll(async () => {
  put(folder, Object.fromEntries(heldOut.map(({ png }, k) => [`i/${k}.png`, png])));
  whole = await trainTiny(config('whole'), { runsDir: folder });
  expect(evaluated(whole.rows)).toEqual([2, 4, 6]);
});
afterEach(() => void vi.restoreAllMocks());

test('weights are saved before they are evaluated', () => {
  const types = whole.events.flatMap((event) =>
    event.type === 'saved' || event.type === 'evaluated' ? [[event.type, event.step]] : [],
  );
  expect(types).toEqual([
    ['evaluated', 2],
    ['evaluated', 4],
    ['saved', 6],
    ['evaluated', 6],
  ]);
});

test('any failure is a warning with its cause, and the run goes on to the same weights', async () => {
  const before = memoryStats().liveTensors;
  vi.spyOn(retrievalEvaluator, 'run')
    .mockRejectedValueOnce(new TypeError('x is not a function'))
    .mockRejectedValueOnce(new Error('CUDA out of memory. Tried to allocate 2 GiB'));
  const zeroShot = { data: asFolder(`${folder}/classes`, heldOut) };
  const evaluate = { every: { steps: 2 }, retrieval: { data: pairs }, zeroShot };
  const run = await trainTiny(config('fails', { evaluate }), { runsDir: folder });
  const sentences = [
    'evaluate.retrieval failed after step 2, and the run goes on without it: x is not a function',
    'evaluate.retrieval failed after step 4, and the run goes on without it: CUDA out of memory. Tried to allocate 2 GiB',
  ];
  expect(warnings(run.events)).toEqual(sentences);
  expect(run.rows.flatMap((row) => row['eval/failed'] ?? [])).toEqual(sentences);
  expect(evaluated(run.rows)).toEqual([6]);
  // The other evaluation is measured each time.
  expect(run.rows.filter((row) => 'eval/zero_shot_top1' in row).map(({ step }) => step)).toEqual([2, 4, 6]);
  expect(run.report!.retrieval).toEqual(whole.report!.retrieval);
  expect(modelBytes(run.runDir, 6).equals(modelBytes(whole.runDir, 6))).toBe(true);
  expect(memoryStats().liveTensors).toBe(before);
});

test('if bestBy needs it, the run ends with the weights of that step; a resume measures them first', async () => {
  const evaluate = { every: { steps: 2 }, retrieval: { data: pairs }, bestBy: 'mean_recall' };
  const best = await trainTiny(config('best', { evaluate }), { runsDir: folder });
  const { run: measure } = retrievalEvaluator;
  vi.spyOn(retrievalEvaluator, 'run')
    .mockImplementationOnce(measure)
    .mockRejectedValueOnce(new Error('the disk is gone'));
  const failed = config('best-fails', { evaluate });
  await expect(trainTiny(failed, { runsDir: folder })).rejects.toThrow(
    /^evaluate\.bestBy is mean_recall, and it could not be measured after step 4\. The weights of this step are saved\.\nevaluate\.retrieval failed after step 4.*: the disk is gone\nMend this and go on with --resume latest/,
  );
  const runDir = join(folder, 'best-fails');
  expect(await stepsSaved(runDir)).toContain(4);
  expect(modelBytes(runDir, 6 - 2).length).toBeGreaterThan(0);
  const second = await trainTiny(failed, { runsDir: folder, resume: 'latest' });
  expect(second.events.find(({ type }) => type === 'start')).toMatchObject({ step: 4 });
  const recalls = (rows: typeof best.rows) =>
    rows.filter((row) => 'eval/mean_recall' in row).map((row) => [row.step, row['eval/mean_recall']]);
  expect(recalls(second.rows)).toEqual(recalls(best.rows));
  expect(readFileSync(join(runDir, 'best.json'), 'utf8')).toBe(
    readFileSync(join(best.runDir, 'best.json'), 'utf8'),
  );
});

test('a run that was killed between saving and evaluating evaluates when it is resumed', async () => {
  const runDir = join(folder, 'killed');
  cpSync(whole.runDir, runDir, { recursive: true });
  for (const file of ['config.json', 'metrics.jsonl']) {
    const text = readFileSync(join(runDir, file), 'utf8').replace('"whole"', '"killed"');
    writeFileSync(join(runDir, file), file === 'config.json' ? text : text.replace(/\n[^\n]+\n$/, '\n'));
  }
  expect(evaluated(rowsOf(runDir))).toEqual([2, 4]);
  const resumed = await trainTiny(config('killed'), { runsDir: folder, resume: 'latest' });
  expect(rowsOf(runDir).at(-1)).toEqual(whole.rows.at(-1));
  expect(resumed.report).toEqual(whole.report);
  const again = await trainTiny(config('killed'), { runsDir: folder, resume: 'latest' });
  expect(again.rows).toEqual(whole.rows);
});

test('while training diverges, evaluations are misses and warn of the weight', async () => {
  const wild = config('wild', {
    log: { every: { steps: 39 } },
    duration: { steps: 40 },
    evaluate: { every: { steps: 4 }, retrieval: { data: pairs } },
    optimizer: { peakLr: 1e20 },
    schedule: {},
  });
  const events: TrainEvent[] = [];
  const run = trainTiny(wild, { runsDir: folder, onEvent: (event) => events.push(event) });
  await expect(run).rejects.toThrow(/training diverged/);
  const recalls = rowsOf(join(folder, 'wild')).flatMap((row) => row['eval/mean_recall'] ?? []);
  expect(recalls.length).toBeGreaterThan(3);
  expect(recalls.at(-1)).toBe(0);
  expect(warnings(events)).toContainEqual(
    expect.stringMatching(
      /^after step 8 the features of 24 of 24 pictures \(the first is .*\) and 24 of 24 captions .* count as misses: weight \S+ is not finite/,
    ),
  );
});

test('couplet eval of a weight that is not finite ends with its name', async () => {
  const runDir = join(folder, 'damaged');
  cpSync(whole.runDir, runDir, { recursive: true });
  const path = model(runDir, 6);
  const { tensors } = await readSafetensors(path);
  const { data } = tensors.get('visual.proj')!;
  new Float32Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength / 4)[3] = Number.NaN;
  await writeSafetensors(path, tensors as never);
  await expect(evaluateRun(runDir)).rejects.toThrow(
    /step-00000006: the features of 24 of 24 pictures \(the first is .*\) are not finite and count as misses: weight visual\.proj is not finite: its norm is NaN\.$/,
  );
  const classes = asFolder(`${folder}/classes`, heldOut);
  const pair = { train: asFolder(`${folder}/known`, await shapes(24, { seed: 2 })), test: classes };
  for (const kind of [{ knn: true }, { linear: { epochs: 1 } }, { fineTune: { epochs: 1 } }])
    await expect(evaluateRun(runDir, { ...kind, ...pair })).rejects.toThrow(
      /weight visual\.proj is not finite/,
    );
});

test('several captions a picture, 0 to 5: the loop over the protocol', async () => {
  const counts = heldOut.map((_, k) => k % 6);
  const captions = heldOut.flatMap(({ caption }, k) =>
    Array.from({ length: counts[k]! }, (_, n) => ({ k, caption: `${'very '.repeat(n)}${caption}` })),
  );
  const rows = [...captions.filter((_, i) => i % 2), ...captions.filter((_, i) => i % 2 === 0)]; // not in order
  put(folder, {
    'many.csv': ['path,title', ...rows.map(({ k, caption }) => `i/${k}.png,${caption}`)].join('\n'),
  });
  const source = { type: 'manifest', path: join(folder, 'many.csv') } as const;
  const { retrieval } = await evaluateRun(whole.runDir, {
    set: [`evaluate.retrieval.data=${JSON.stringify(source)}`],
  });
  const run = await loadRun(whole.runDir);
  const dataset = await openDataset([source]);
  const { images, texts } = await encodeDataset(dataset, run, { texts: true });
  const vectors = (tensor: typeof images) => {
    const width = tensor.shape[1]!;
    const numbers = tensor.toNumbers();
    return rows.map((_, i) => numbers.slice(i * width, (i + 1) * width));
  };
  const [pictures, sentences] = [vectors(images), vectors(texts!)];
  const used = [...new Set(rows.map(({ k }) => k))];
  const picture = new Map(used.map((k) => [k, pictures[rows.findIndex((row) => row.k === k)]!]));
  const dot = (a: number[], b: number[]) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
  const share = (hits: boolean[]) => hits.filter(Boolean).length / hits.length;
  const toText = (k: number) =>
    rows
      .map((row, i) => ({ of: row.k, score: dot(picture.get(k)!, sentences[i]!) }))
      .sort((a, b) => b.score - a.score);
  const toImage = (i: number) =>
    used
      .map((k) => ({ of: k, score: dot(picture.get(k)!, sentences[i]!) }))
      .sort((a, b) => b.score - a.score);
  expect(retrieval).toMatchObject({ pairs: captions.length, pictures: 20 });
  for (const n of [1, 5, 10] as const) {
    const has = (k: number, best: { of: number }[]) => best.slice(0, n).some(({ of }) => of === k);
    expect(retrieval!.imageToText[`r${n}`]).toBeCloseTo(share(used.map((k) => has(k, toText(k)))), 9);
    expect(retrieval!.textToImage[`r${n}`]).toBeCloseTo(share(rows.map(({ k }, i) => has(k, toImage(i)))), 9);
  }
  for (const close of [images, texts!]) close.dispose();
  dataset.close();
  run.close();
});

test('a number over fewer samples is told with those that it leaves out', async () => {
  put(folder, {
    'gone.csv': ['path,title', 'i/1.png,one', 'i/2.png,two', 'i/3.png,three', 'i/gone.png,four'].join('\n'),
  });
  const data = JSON.stringify({ type: 'manifest', path: join(folder, 'gone.csv') });
  const report = await evaluateRun(whole.runDir, {
    set: [`evaluate.retrieval.data=${data}`, 'data.maxBadShare=0.3'],
  });
  expect(report).toMatchObject({ skipped: 1, retrieval: { pairs: 3, pictures: 3 } });
  expect(report.notes).toEqual([
    `evaluate.retrieval.data: the numbers are of 3 of 4 samples; 1 could not be read:\n  ${folder}/i/gone.png: there is no such file`,
  ]);
});

test('so it is for classes; both measurements say it once', async () => {
  const known = asFolder(`${folder}/known-too`, await shapes(24, { seed: 2 })) as { path: string };
  const held = asFolder(`${folder}/held`, heldOut.slice(0, 12)) as { path: string };
  const [{ name }] = heldOut as [(typeof heldOut)[0]];
  const damaged = `${held.path}/${name.replaceAll(' ', '_')}/damaged.png`;
  writeFileSync(damaged, heldOut[0]!.png.subarray(0, 90));
  const report = await evaluateRun(whole.runDir, {
    knn: { k: 1 },
    fineTune: { epochs: 1 },
    train: { type: 'folder', path: known.path },
    test: { type: 'folder', path: held.path },
    set: ['data.maxBadShare=0.3'],
  });
  expect(report).toMatchObject({
    skipped: 1,
    neighbours: { pictures: 12, classes: 24 },
    fineTune: { pictures: 12 },
  });
  expect(report.notes).toEqual([
    expect.stringMatching(/^12 of 24 classes of --train have no picture in --test: .* and 7 more$/),
    expect.stringContaining(
      `--test: the numbers are of 12 of 13 samples; 1 could not be read:\n  ${damaged}: `,
    ),
  ]);
});

test('what no number can be told of is refused', async () => {
  const one = JSON.stringify(asWebdataset(`${folder}/one`, heldOut.slice(0, 2)));
  put(folder, { 'one.csv': 'path,title\ni/1.png,one\ni/1.png,two' });
  const single = JSON.stringify({ type: 'manifest', path: join(folder, 'one.csv') });
  await expect(evaluateRun(whole.runDir, { set: [`evaluate.retrieval.data=${single}`] })).rejects.toThrow(
    /^evaluate\.retrieval\.data has one picture only with a caption: retrieval needs two or more/,
  );
  expect(
    (await evaluateRun(whole.runDir, { set: [`evaluate.retrieval.data=${one}`] })).retrieval!.pairs,
  ).toBe(2);
  const classes = asFolder(`${folder}/classes`, heldOut);
  const zeroShot = (templates?: string[], data: object = classes) =>
    evaluateRun(whole.runDir, { set: [`evaluate.zeroShot=${JSON.stringify({ data, templates })}`] });
  await expect(zeroShot(['a {}.', 'art'])).rejects.toThrow(/templates\.1: a template holds \{\}/);
  await expect(zeroShot([`${'one of a great many pictures '.repeat(9)}{}`])).rejects.toThrow(
    /all 24 classes have the same tokens\. Prompts are cut after 16 tokens/,
  );
  const { png } = heldOut[0]!;
  put(folder, { 'single/cat/0.png': png, 'numbers/0/0.png': png, 'numbers/1/1.png': png });
  const flat = (name: string) => ({ type: 'folder', path: join(folder, name) });
  await expect(zeroShot(undefined, flat('single'))).rejects.toThrow(
    /^evaluate\.zeroShot\.data has one class only \(cat\)/,
  );
  expect((await zeroShot(undefined, flat('numbers'))).notes).toEqual([
    expect.stringMatching(/the classes are named by numbers \(0, 1, \.\.\.\)/),
  ]);
});

import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { parseConfig, type RunConfigInput } from '../../src/config/index.ts';
import { CoupletError } from '../../src/errors.ts';
import { cudaCount, memoryStats } from '../../src/torch/index.ts';
import { train as trainRun } from '../../src/train.ts';
import { put } from '../data/make.ts';
import { couplet, rowsOf, runsFolder, type TinyConfig, tinyConfig, tinyModel, trainTiny } from './harness.ts';
import { asFolder, asManifest, asWebdataset, shapes } from './shapes.ts';

/** What is wrong is said before the first step, in a sentence, and leaves nothing behind. */

const folder = runsFolder();
const runsDir = join(folder, 'runs');
const samples = await shapes(40);
const train = asWebdataset(`${folder}/train`, samples);
const pairs = asManifest(`${folder}/pairs`, samples);
const one = asManifest(`${folder}/one`, samples.slice(0, 1));
const classes = asFolder(`${folder}/classes`, samples);

/** Pictures without a word about them. */
function wordless() {
  const keys = samples.map((_, k) => `silent/${k}.png`);
  put(folder, Object.fromEntries(keys.map((key, k) => [key, samples[k]!.png])));
  put(folder, { 'silent.csv': ['path', ...keys].join('\n') });
  return { type: 'manifest', path: join(folder, 'silent.csv') } as const;
}

let live = 0;
beforeAll(() => {
  live = memoryStats().liveTensors;
});
afterEach(() => {
  expect(memoryStats().liveTensors).toBe(live);
});

type Refusal = [string, () => Partial<TinyConfig>, RegExp];
const refused: Refusal[] = [
  [
    'a batch larger than the data',
    () => ({ batch: { globalBatchSize: 64 } }),
    /^batch\.globalBatchSize is 64, more than the 40 samples of the data: expected at most 40/,
  ],
  ...[{ epochs: 1 }, { seconds: 1 }].map(
    (duration): Refusal => [
      `one sample alone in ${Object.keys(duration)[0]}`,
      () => ({ train: one, duration, schedule: { warmup: { share: 0.1 } } }),
      /^data\.train has one sample, and contrast needs others to compare it with: give a few hundred at least\.$/,
    ],
  ),
  [
    'a duration below one step',
    () => ({ duration: { epochs: 0.1 } }),
    /^duration is \{ epochs: 0\.1 \}, less than one step: .*at least \{ steps: 1 \}, \{ samples: 16 \} or \{ epochs: 0\.4 \}/,
  ],
  [
    'an interval below one step',
    () => ({ checkpoint: { every: { samples: 3 } } }),
    /^checkpoint\.every is \{ samples: 3 \}, less than one step/,
  ],
  [
    'a method that needs captions on data without',
    () => ({ train: wordless() }),
    /^method fastclip needs captions, but data\.train has none: add a caption column/,
  ],
  [
    'zero-shot data without labels',
    () => ({ evaluate: { zeroShot: { data: pairs } } }),
    /^evaluate\.zeroShot\.data has no labels with class names: give the source `classNames`/,
  ],
  [
    'retrieval data without captions',
    () => ({ evaluate: { retrieval: { data: wordless() } } }),
    /^evaluate\.retrieval\.data has no captions/,
  ],
  ...(['zeroShot', 'retrieval'] as const).map(
    (name): Refusal => [
      `${name} of a method without texts`,
      () => ({
        method: { name: 'simclr' },
        model: { image: tinyModel.image },
        evaluate: { [name]: { data: classes } },
      }),
      new RegExp(`^evaluate\\.${name} compares pictures with texts, and method simclr has no text tower`),
    ],
  ),
  [
    'an unknown model name',
    () => ({ model: 'ViT-B-17' }),
    /model.*ViT-B-17[\s\S]*(known: ViT-B-32, |did you mean 'ViT-B-1?[36]2?')/,
  ],
  [
    'a metric that no evaluation gives',
    () => ({ evaluate: { retrieval: { data: pairs }, bestBy: 'text_to_image_r100' } }),
    /^evaluate\.bestBy is text_to_image_r100, which no evaluation of this config gives; did you mean text_to_image_r10\?$/,
  ],
  [
    'a metric of another evaluation',
    () => ({ evaluate: { zeroShot: { data: classes }, bestBy: 'loss' } }),
    /^evaluate\.bestBy is loss, .*there are: zero_shot_top1, zero_shot_top5\.$/,
  ],
  [
    'a metric without an evaluation',
    () => ({ evaluate: { bestBy: 'mean_recall' } }),
    /^evaluate\.bestBy is mean_recall, but the config evaluates nothing/,
  ],
  [
    'a vocabulary smaller than the tokenizer',
    () => ({ model: { ...tinyModel, text: { ...tinyModel.text, vocabSize: 100 } } }),
    /^model\.text\.vocabSize is 100, but the tokenizer has 5\d\d ids/,
  ],
  [
    'a folder that is not there',
    () => ({ train: { type: 'folder', path: '/nowhere' } }),
    /^data\.train: there is no folder `\/nowhere`/,
  ],
];

describe('refused before the first step', () => {
  test.each(refused)('%s', async (name, change, message) => {
    const config = tinyConfig({ train, name: name.replaceAll(' ', '-'), ...change() });
    const run = trainTiny(config, { runsDir });
    await expect(run).rejects.toThrow(CoupletError);
    await expect(run).rejects.toThrow(message);
    const runDir = join(runsDir, config.name!);
    const left = existsSync(runDir) ? readdirSync(runDir) : [];
    expect(left).not.toContain('metrics.jsonl');
    expect(left).not.toContain('lock');
  });

  test.runIf(cudaCount() === 0)('a GPU on a machine without', async () => {
    const run = trainTiny(tinyConfig({ train, name: 'gpu', device: 'cuda' }), { runsDir });
    await expect(run).rejects.toThrow(
      /^device cuda: this machine shows 0 CUDA devices\. Use device: 'cpu', or run couplet doctor/,
    );
    expect(existsSync(join(runsDir, 'gpu'))).toBe(false);
  });

  test('a misspelt key, by the command: its path, and the nearest right name', async () => {
    const path = join(folder, 'wrong.json');
    const { batch, ...rest } = tinyConfig({ train, name: 'wrong' });
    writeFileSync(path, JSON.stringify({ ...rest, batch: { globalBatchSiz: batch.globalBatchSize } }));
    const { code, stderr } = await couplet(['train', path], { cwd: folder }).ended;
    expect(code).toBe(1);
    expect(stderr).toContain('batch.globalBatchSiz is not known; did you mean batch.globalBatchSize?');
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(existsSync(join(folder, 'runs', 'wrong'))).toBe(false);
  });

  test('a run that was refused leaves no tokenizer to the next of its name', async () => {
    const name = 'second-try';
    const model = { ...tinyModel, text: { ...tinyModel.text, vocabSize: 100 } };
    put(folder, {
      'other/a.csv': readFileSync(join(folder, 'pairs/pairs.csv'), 'utf8').replaceAll('a ', 'zzz '),
    });
    const other = {
      type: 'manifest',
      path: join(folder, 'other/a.csv'),
      root: join(folder, 'pairs'),
    } as const;
    await expect(trainTiny(tinyConfig({ train: other, name, model }), { runsDir })).rejects.toThrow(
      /vocabSize/,
    );
    expect(existsSync(join(runsDir, name, 'tokenizer.json'))).toBe(true);
    const run = await trainTiny(tinyConfig({ train, name, duration: { steps: 1 } }), { runsDir });
    const fresh = await trainTiny(tinyConfig({ train, name: 'fresh', duration: { steps: 1 } }), { runsDir });
    expect(run.rows[0]!['train/loss']).toBe(fresh.rows[0]!['train/loss']);
  });
});

describe('a run that is there', () => {
  const name = 'there';
  const base: TinyConfig = { train, name, duration: { steps: 4 }, checkpoint: { every: { steps: 2 } } };
  let rows: unknown;
  beforeAll(async () => {
    await trainTiny(tinyConfig(base), { runsDir });
    rows = rowsOf(join(runsDir, name));
  });
  afterEach(() => {
    expect(rowsOf(join(runsDir, name))).toEqual(rows);
  });

  test('is not written over', async () => {
    await expect(trainTiny(tinyConfig(base), { runsDir })).rejects.toThrow(
      /runs\/there holds a run already\. Continue it with --resume latest, or give this one another --name\.$/,
    );
  });

  test('is not resumed while another process writes it', async () => {
    const lock = join(runsDir, name, 'lock');
    expect(existsSync(lock)).toBe(false);
    writeFileSync(lock, JSON.stringify({ pid: process.ppid, host: hostname(), started: '' })); // one that lives
    await expect(trainTiny(tinyConfig(base), { runsDir, resume: 'latest' })).rejects.toThrow(
      new RegExp(`runs/there is being written by process ${process.ppid} on .* remove .*runs/there/lock\\.$`),
    );
    expect(existsSync(lock)).toBe(true);
    rmSync(lock);
  });

  test('is not begun twice at once', async () => {
    const config = tinyConfig({ ...base, name: 'twice' });
    let second: Promise<unknown> | undefined;
    const onEvent = ({ type }: { type: string }) => {
      if (type === 'start') second = trainTiny(config, { runsDir }).catch((error) => error);
    };
    expect((await trainTiny(config, { runsDir, onEvent })).finished).toBe(true);
    expect(String(await second)).toMatch(/runs\/twice is being written by process \d+/);
    expect(existsSync(join(runsDir, 'twice', 'lock'))).toBe(false);
  });

  const changes: [string, Partial<RunConfigInput>, RegExp][] = [
    ['model', { model: { ...tinyModel, embedDim: 16 } }, /^ {2}model\.embedDim was 32, is 16$/m],
    ['method', { method: { name: 'clip' } }, /^ {2}method\.name was "fastclip", is "clip"$/m],
    ['seed', { seed: 7 }, /^ {2}seed was 0, is 7$/m],
    ['batch', { batch: { globalBatchSize: 8 } }, /^ {2}batch\.globalBatchSize was 16, is 8$/m],
    ['optimizer', { optimizer: { peakLr: 1 } }, /^ {2}optimizer\.peakLr was 0\.002, is 1$/m],
    ['data', { data: { train: pairs } }, /^ {2}data\.train\.type was "webdataset", is "manifest"$/m],
    [
      'a crop',
      { data: { train, crop: { scale: [0.5, 1] } } },
      /^ {2}data\.crop\.scale was \[0\.9,1\], is \[0\.5,1\]$/m,
    ],
  ];
  test.each(changes)('is not resumed with another %s', async (_, change, message) => {
    const { data, ...more } = change;
    const config = tinyConfig({ ...base, ...more, ...(data && { data, train: data.train }) });
    const run = trainTiny(config, { runsDir, resume: 'latest' });
    await expect(run).rejects.toThrow(/runs\/there was started with another config:\n/);
    await expect(run).rejects.toThrow(message);
    await expect(run).rejects.toThrow(
      /Resume with the values of .*config\.json, or start a run with another --name\.$/,
    );
  });

  test('is not resumed on data that has grown', async () => {
    const grown = asWebdataset(`${folder}/growing`, samples);
    const config = { ...base, train: grown, name: 'growing' };
    await trainTiny(tinyConfig(config), { runsDir });
    asWebdataset(`${folder}/growing`, await shapes(48));
    await expect(trainTiny(tinyConfig(config), { runsDir, resume: 'latest' })).rejects.toThrow(
      /step-00000004 was written with 40 samples, the data has 48 now: sample ids would shift\. Bring the data back/,
    );
  });

  test('is not resumed from a path that is no checkpoint', async () => {
    for (const resume of [join(runsDir, name), join(runsDir, name, 'checkpoints/step-00000099')]) {
      const run = trainTiny(tinyConfig(base), { runsDir, resume });
      await expect(run).rejects.toThrow(
        /^--resume .*: expected 'latest' or a folder such as runs\/NAME\/checkpoints/,
      );
    }
  });
});

test('a run that ended before its first line of metrics may be started again', async () => {
  const runDir = join(runsDir, 'empty');
  put(runDir, { 'metrics.jsonl': '' });
  const config = parseConfig(tinyConfig({ train, name: 'empty', duration: { steps: 1 } }));
  expect((await trainRun(config, { runsDir })).finished).toBe(true);
});

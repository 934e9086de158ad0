import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { SourceInput } from '../../src/data/index.ts';
import { evalMetrics, evaluate, openEvalData } from '../../src/evaluate/index.ts';
import { checkBestBy } from '../../src/evaluate/metrics.ts';
import { neighboursEvaluator } from '../../src/evaluate/neighbours.ts';
import type { MetricsRow } from '../../src/io/metrics.ts';
import { findMethod, methods } from '../../src/methods/index.ts';
import { evaluateRun, type RunReport } from '../../src/run/evaluate-run.ts';
import { loadRun } from '../../src/run/load-run.ts';
import { memoryStats } from '../../src/torch/index.ts';
import { couplet, rowsOf, runsFolder, tinyConfig, trainTiny } from './harness.ts';
import { asFolder, asParquet, asWebdataset, shapes } from './shapes.ts';

const folder = runsFolder();
const heldOut = await shapes(96, { seed: 1 });
const known = await shapes(192, { seed: 2 });
let runDir: string;
/** Evaluations of the run, first to last. */
let evaluated: MetricsRow[];

/** What was measured, of a row. */
const metricsOf = (row: MetricsRow) =>
  Object.fromEntries(Object.entries(row).filter(([key]) => key.startsWith('eval/')));

beforeAll(async () => {
  const config = tinyConfig({
    train: asWebdataset(`${folder}/train`, await shapes(96)),
    duration: { steps: 25 },
    precision: 'bfloat16',
    evaluate: {
      every: { steps: 10 },
      zeroShot: { data: asFolder(`${folder}/classes`, heldOut), templates: ['a {}.', 'one {}.'] },
      retrieval: { data: asParquet(`${folder}/pairs`, heldOut) },
      bestBy: 'zero_shot_top5',
    },
    checkpoint: { keep: 1 },
  });
  const before = memoryStats().liveTensors;
  const result = await trainTiny(config, { runsDir: folder });
  expect(memoryStats().liveTensors).toBe(before);
  runDir = result.runDir;
  evaluated = result.rows.filter((row) => 'eval/zero_shot_top1' in row);
  expect(evaluated.map(({ step }) => step)).toEqual([10, 20, 25]);
  checkSpent(result.rows);
  expect(evalMetrics(result.report!)).toEqual(metricsOf(evaluated.at(-1)!));
});

/** The rows of evaluations tell how far the run was; each step is logged, so the row before one says the same. */
function checkSpent(rows: MetricsRow[]): void {
  for (const [i, row] of rows.entries()) {
    if (!evaluated.includes(row)) continue;
    expect(row.epoch).toBeCloseTo((row.step * 16) / 96, 10);
    expect(row.train_seconds).toBeGreaterThan(0);
    expect(row.train_seconds).toBe(rows[i - 1]!.train_seconds);
  }
}

describe('classification by features of a run that was saved', () => {
  const held = { type: 'folder', path: `${folder}/classes` } as const; // the held-out shapes
  const same = {
    ...asWebdataset(`${folder}/same`, heldOut),
    classNames: heldOut.map(({ name }) => name),
  } as SourceInput;

  test('k-nn, linear and fine-tuned, from the command and from the library, are the same', async () => {
    const before = memoryStats().liveTensors;
    const train = asFolder(`${folder}/known`, known);
    const report = await evaluateRun(runDir, {
      knn: true,
      linear: { epochs: 5 },
      fineTune: { epochs: 5 },
      train,
      test: held,
    });
    expect(memoryStats().liveTensors).toBe(before);
    expect(report).toMatchObject({
      step: 25,
      neighbours: { pictures: 96, reference: 192, classes: 96, k: 20, temperature: 0.07 },
      linear: { pictures: 96, classes: 96, epochs: 5 },
      fineTune: { pictures: 96, classes: 96, epochs: 5 },
      skipped: 0,
    });
    expect(report.zeroShot).toBeUndefined();
    for (const { top1, top5 } of [report.neighbours!, report.linear!]) {
      expect(top1).toBeGreaterThan(5 / 96);
      expect(top5).toBeGreaterThan(top1);
    }
    const flags = ['--knn', '--linear', '--fine-tune', '--epochs', '5', '--train', `${folder}/known`];
    const command = ['eval', runDir, ...flags, '--test', JSON.stringify(held), '--json'];
    const { code, stdout, stderr } = await couplet(command, { cwd: folder }).ended;
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toEqual(report);
    expect(stderr).toMatch(/fine-tuning {4}epoch 5 {2}loss \d/);
  });

  test('the nearest neighbour of a picture that is known is itself', async () => {
    const report = await evaluateRun(runDir, { knn: { k: 1 }, train: same, test: held, checkpoint: 'start' });
    expect(report).toMatchObject({ step: 0, neighbours: { k: 1, top1: 1 } });
  });

  test('while training, a sample of the reference is drawn by the seed', async () => {
    const before = memoryStats().liveTensors;
    const run = await loadRun(runDir);
    const part = { data: held, train: same, k: 5, samples: 40 };
    const config = { neighbours: neighboursEvaluator.options.parse(part) };
    const open = (seed: number) => openEvalData(config, { ...run.config, seed });
    const drawn = async (seed: number) => [...(await open(seed)).neighbours!.pair.train.index.columns.label];
    const report = await evaluate(await open(1), run);
    // A class that was not drawn has no neighbour; a picture that was drawn has itself.
    expect(report.neighbours).toMatchObject({ pictures: 96, reference: 40, classes: 96, top1: 40 / 96 });
    expect(await evaluate(await open(1), run)).toEqual(report);
    expect(await drawn(1)).toEqual(await drawn(1));
    expect(await drawn(2)).not.toEqual(await drawn(1));
    expect(evalMetrics(report)).toEqual({
      'eval/knn_top1': report.neighbours!.top1,
      'eval/knn_top5': report.neighbours!.top5,
    });
    expect(() => checkBestBy({ ...config, bestBy: 'knn_top1' })).not.toThrow();
    expect(() => checkBestBy({ ...config, bestBy: 'knn_top2' })).toThrow(/did you mean knn_top1\?$/);
    run.close();
    expect(memoryStats().liveTensors).toBe(before);
  });

  test('what is missing is said in a sentence', async () => {
    const set = ['evaluate={}'];
    await expect(evaluateRun(runDir, { linear: true, set })).rejects.toThrow(
      /^There are no held-out pictures to measure on: give --test FOLDER/,
    );
    await expect(evaluateRun(runDir, { test: held })).rejects.toThrow(
      /^--train and --test name pictures for --knn/,
    );
    await expect(
      evaluateRun(runDir, { knn: true, train: asParquet(`${folder}/unlabelled`, heldOut), test: held }),
    ).rejects.toThrow(/^--train has no labels/);
    const wrong = await couplet(['eval', runDir, '--linear', '--epochs', 'many'], { cwd: folder }).ended;
    expect(wrong.code).not.toBe(0);
    expect(wrong.stderr).toMatch(/'--epochs <count>' argument 'many' is invalid. Expected a whole number/);
  });

  test('an encoder without texts is not asked for them', async () => {
    const { tokenizer: _, ...run } = await loadRun(runDir);
    const data = await openEvalData(run.config.evaluate, run.config);
    await expect(evaluate(data, run)).rejects.toThrow(
      /^evaluate\.zeroShot compares pictures with texts, and .* has no text tower: use evaluate\.neighbours/,
    );
    // Said before a run starts, too: by the method's name.
    const registry: Record<string, unknown> = methods;
    registry.pictures = { ...findMethod('clip'), needs: { tokens: false } };
    const config = { ...run.config, method: { name: 'pictures' } as never };
    const { zeroShot, retrieval } = config.evaluate;
    await expect(openEvalData({ zeroShot }, config)).rejects.toThrow(
      /^evaluate\.zeroShot .*, and method pictures has no text tower/,
    );
    await expect(openEvalData({ retrieval }, config)).rejects.toThrow(/^evaluate\.retrieval compares/);
    delete registry.pictures;
    run.close();
  });
});

describe('evaluating a run that was saved', () => {
  test('gives the numbers of its last evaluation, bit for bit, and leaves no tensor', async () => {
    const before = memoryStats().liveTensors;
    const report = await evaluateRun(runDir);
    expect(report.step).toBe(25);
    expect(report.zeroShot).toMatchObject({ pictures: 96, classes: 96 });
    expect(evalMetrics(report)).toEqual(metricsOf(evaluated.at(-1)!));
    expect(memoryStats().liveTensors).toBe(before);
  });

  test('the best checkpoint is the one whose metric was highest', async () => {
    const { step } = JSON.parse(readFileSync(join(runDir, 'best.json'), 'utf8')) as { step: number };
    const values = evaluated.map((row) => row['eval/zero_shot_top5'] as number);
    expect(step).toBe(evaluated[values.indexOf(Math.max(...values))]!.step);
    const report = await evaluateRun(runDir, { checkpoint: 'best' });
    expect(report.step).toBe(step);
    expect(evalMetrics(report)).toEqual(metricsOf(evaluated.find((row) => row.step === step)!));
  });

  test('couplet eval: --json is the same report, without it there is a table', async () => {
    const json = await couplet(['eval', runDir, '--json'], { cwd: folder }).ended;
    expect(json.code, json.stderr).toBe(0);
    const report = JSON.parse(json.stdout) as RunReport;
    expect(report).toMatchObject({ step: 25, checkpoint: join(runDir, 'checkpoints/step-00000025') });
    expect(evalMetrics(report)).toEqual(metricsOf(evaluated.at(-1)!));

    const best = await couplet(['eval', runDir, '--checkpoint', 'best'], { cwd: folder }).ended;
    const { step } = JSON.parse(readFileSync(join(runDir, 'best.json'), 'utf8')) as { step: number };
    const row = evaluated.find((other) => other.step === step)!;
    const percent = (key: string) => `${(100 * (row[key] as number)).toFixed(2)} %`;
    expect(best.stdout).toContain(`step ${step}\n`);
    expect(best.stdout).toContain(
      `top-1 ${percent('eval/zero_shot_top1')}  top-5 ${percent('eval/zero_shot_top5')}`,
    );
    expect(best.stdout).toContain(`R@10 ${percent('eval/text_to_image_r10')}  (96 pairs)`);
  });

  test('on other data, by --set', async () => {
    const retrieval = JSON.stringify({ data: asWebdataset(`${folder}/few`, heldOut.slice(0, 10)) });
    const report = await evaluateRun(runDir, { set: [`evaluate.retrieval=${retrieval}`] });
    expect(report.retrieval!.pairs).toBe(10);
    expect(report.retrieval!.textToImage.r10).toBe(1);
    expect(report.zeroShot!.top1).toBe(evaluated.at(-1)!['eval/zero_shot_top1']);
  });

  test('what is not there is said in a sentence', async () => {
    await expect(evaluateRun(join(folder, 'nothing'))).rejects.toThrow(
      /nothing is no run: it has no config\.json/,
    );
    await expect(evaluateRun(runDir, { checkpoint: 'bets' })).rejects.toThrow(
      /^--checkpoint bets: expected 'latest', 'best' or a folder/,
    );
    const copy = join(folder, 'copy');
    cpSync(runDir, copy, { recursive: true });
    rmSync(join(copy, 'checkpoints'), { recursive: true });
    await expect(evaluateRun(copy)).rejects.toThrow(/copy has no checkpoint yet/);
    rmSync(join(copy, 'best.json'));
    await expect(evaluateRun(copy, { checkpoint: 'best' })).rejects.toThrow(
      /has no best checkpoint: set evaluate\.every and evaluate\.bestBy/,
    );
    expect(existsSync(copy)).toBe(true);
    expect(rowsOf(runDir).at(-1)).toEqual(evaluated.at(-1));
  });
});

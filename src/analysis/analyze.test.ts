import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../tests/data/make.ts';
import { runsFolder, tinyConfig, tinyModel, trainTiny } from '../../tests/run/harness.ts';
import { asManifest, shapes } from '../../tests/run/shapes.ts';
import { memoryStats } from '../torch/index.ts';
import { analyzeRun, passLogPath } from './analyze.ts';
import type { AnalyzeEvent, AnalyzeOptions } from './context.ts';
import { type Analysis, readAnalysis } from './schema.ts';

const runsDir = runsFolder();
const data = asManifest(temporaryFolder(), await shapes(96));
const runDir = join(runsDir, 'run');

beforeAll(async () => {
  const checkpoint = { every: { share: 0.25 }, keep: 5 };
  await trainTiny(tinyConfig({ train: data, duration: { steps: 20 }, checkpoint }), { runsDir });
});

const small: AnalyzeOptions = { samples: 64, subBatch: 8, tokenDropout: [0, 0.5], patchSize: [8, 12] };
let out = 0;
const fresh = () => join(runsDir, `analysis-${out++}.json`);

/** The numbers, without what depends on time. */
const numbers = ({ snapshots, settings }: Analysis) => ({
  settings,
  snapshots: snapshots.map(({ groups, ...snapshot }) => ({
    ...snapshot,
    groups: Object.entries(groups).map(([name, { candidates, ...group }]) => [
      name,
      group,
      candidates.map(({ seconds, ...candidate }) => candidate),
    ]),
  })),
});

describe('an analysis of FastCLIP', () => {
  let analysis: Analysis;
  const path = fresh();
  const events: AnalyzeEvent[] = [];
  const { liveTensors } = memoryStats();
  beforeAll(async () => {
    analysis = (await analyzeRun(runDir, { ...small, out: path, onEvent: (event) => events.push(event) }))!;
  });

  it('has each snapshot, group and candidate, the whole sequence first', () => {
    expect(analysis.snapshots.map(({ share, step }) => [share, step])).toEqual([
      [0, 0],
      [0.25, 5],
      [0.5, 10],
      [0.75, 15],
      [1, 20],
    ]);
    for (const { groups } of analysis.snapshots) {
      expect(Object.keys(groups)).toEqual(['image', 'all']);
      for (const { candidates } of Object.values(groups))
        expect(
          candidates.map(({ tokenDropout, patchSize, sequenceLength }) => [
            tokenDropout,
            patchSize,
            sequenceLength,
          ]),
        ).toEqual([
          [0, 8, 10],
          [0, 12, 5],
          [0.5, 8, 5],
          [0.5, 12, 3],
        ]);
    }
    expect(readAnalysis(path)).toEqual(analysis);
  });

  // @proves adjustedError
  it('whole sequences have no bias, and a variance', () => {
    for (const { groups } of analysis.snapshots)
      for (const { candidates, control, gradientSquared } of Object.values(groups)) {
        expect(candidates[0].biasSquared).toEqual({ plain: 0, value: 0, low: 0, high: 0 });
        expect(candidates[0].variance.value).toBeGreaterThan(0);
        expect(gradientSquared.value).toBeLessThan(gradientSquared.plain);
        // On other samples: noise, whose interval holds zero at every snapshot.
        expect(control!.plain).toBeGreaterThan(0);
        expect(control!.low).toBeLessThanOrEqual(0);
        expect(control!.high).toBeGreaterThanOrEqual(0);
      }
  });

  // @proves adjustedError
  it('the error is bias and variance at the compute of one training batch', () => {
    const [whole] = analysis.snapshots[2].groups.all.candidates;
    expect(analysis.settings.batchForwards).toBe(16 * whole.cost);
    expect(whole.error.value).toBeCloseTo(whole.variance.value / 16, 10);
  });

  it('says what it took, how far it is, and leaves no tensor', () => {
    const passes = events.filter(({ type }) => type === 'pass');
    expect(passes.length).toBe(5 * (4 + 1));
    expect(analysis.cost.seconds).toBeGreaterThan(0);
    const forwards = analysis.snapshots[0].groups.all.candidates.reduce((sum, { cost }) => sum + cost, 0);
    const [{ cost }] = analysis.snapshots[0].groups.all.candidates;
    expect(analysis.cost.forwards).toBeCloseTo(5 * 64 * (forwards + cost), 6);
    const done = events.flatMap((event) => (event.type === 'batch' ? [event.done] : []));
    expect(done.at(-1)).toBeCloseTo(1, 10);
    expect(done).toEqual([...done].sort((a, b) => a - b));
    expect(memoryStats().liveTensors).toBe(liveTensors);
    expect(events.some((event) => event.type === 'warning' && /more than the 96/.test(event.message))).toBe(
      true,
    );
  });

  it('started again it does nothing; stopped in between it goes on to the same numbers', async () => {
    const again: AnalyzeEvent[] = [];
    const before = readFileSync(passLogPath(path), 'utf8');
    await analyzeRun(runDir, { ...small, out: path, onEvent: (event) => again.push(event) });
    expect(again.filter(({ type }) => type === 'batch')).toEqual([]);
    expect(readFileSync(passLogPath(path), 'utf8')).toBe(before);

    const stopped = fresh();
    const stop = new AbortController();
    let passes = 0;
    const onEvent = ({ type }: AnalyzeEvent) => {
      if (type === 'pass' && ++passes === 7) stop.abort();
    };
    expect(
      await analyzeRun(runDir, { ...small, out: stopped, signal: stop.signal, onEvent }),
    ).toBeUndefined();
    expect(existsSync(stopped)).toBe(false);
    appendFileSync(passLogPath(stopped), '{"kind":"candidate","st'); // as a crash leaves it
    const resumed = await analyzeRun(runDir, { ...small, out: stopped });
    expect(numbers(resumed!)).toEqual(numbers(analysis));
    expect(resumed!.cost.forwards).toBeGreaterThan(analysis.cost.forwards); // the baseline ran twice
  });

  it('continues from a pass log of version 1', async () => {
    const old = fresh();
    const [header, ...lines] = readFileSync(passLogPath(path), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const {
      settings: { batchForwards, ...settings },
      snapshots,
      ...rest
    } = header;
    const headerBefore = {
      ...rest,
      version: 1,
      settings: { ...settings, budget: batchForwards },
      stages: snapshots,
    };
    const linesBefore = lines.map((line) => (line.kind === 'candidate' ? { ...line, kind: 'point' } : line));
    writeFileSync(
      passLogPath(old),
      [headerBefore, ...linesBefore].map((line) => `${JSON.stringify(line)}\n`).join(''),
    );
    const measured: AnalyzeEvent[] = [];
    const again = await analyzeRun(runDir, { ...small, out: old, onEvent: (event) => measured.push(event) });
    expect(measured.filter(({ type }) => type === 'batch')).toEqual([]);
    expect(numbers(again!)).toEqual(numbers(analysis));
  });

  it('other settings do not join it', async () => {
    await expect(analyzeRun(runDir, { ...small, seed: 1, out: path })).rejects.toThrow(
      /analysis-0\.jsonl holds an analysis that differs in settings\.seed: finish it/,
    );
    writeFileSync(passLogPath(fresh()), 'x\n');
    await expect(
      analyzeRun(runDir, { ...small, out: join(runsDir, `analysis-${out - 1}.json`) }),
    ).rejects.toThrow(/jsonl:1 is not JSON: .* damaged/);
  });
});

describe('what a person can get wrong', () => {
  it.each([
    ['no run', join(runsDir, 'nowhere'), {}, /nowhere is no run: it has no config\.json/],
    [
      'a snapshot without a checkpoint',
      runDir,
      { at: [0.1, 0.5, 0.6] },
      /has no checkpoint at 10 % and 60 % of the run; there are 0 %, 25 %, 50 %, 75 % and 100 %\. Ask for those with --at, or train with checkpoint\.every \{ share: 0\.25 \} and checkpoint\.keep 5\./,
    ],
    [
      'a snapshot beyond the end',
      runDir,
      { at: [1.5] },
      /--at: expected parts of the run from 0 to 100 %, got 150 %/,
    ],
    [
      'a patch that the image size forbids',
      runDir,
      { patchSize: [8, 10] },
      /--patch-size is 10, which does not divide images of 24 pixels: use one of/,
    ],
    [
      'a dropout that leaves nothing',
      runDir,
      { tokenDropout: [0.95], patchSize: [12] },
      /--token-dropout is 0\.95, which leaves none of the 4 patches/,
    ],
    [
      'a sub-batch that does not divide',
      runDir,
      { samples: 100, subBatch: 8 },
      /--samples 100 is no multiple of the sub-batch, 8 samples: use --samples 128/,
    ],
    [
      'too few sub-batches',
      runDir,
      { samples: 24, subBatch: 8 },
      /are 3 sub-batches, which do not divide into 4 to 16 equal folds: use --samples 64/,
    ],
    [
      'more than the data',
      runDir,
      { samples: 800, subBatch: 100 },
      /--sub-batch 100 is more than the 96 samples/,
    ],
    ['half a sample', runDir, { samples: 0.5 }, /--samples is 0\.5: expected a whole number/],
    ['another ending', runDir, { out: 'x.txt' }, /--out x\.txt: expected a name that ends in \.json/],
  ] as [string, string, AnalyzeOptions, RegExp][])('%s', async (_, run, options, sentence) => {
    await expect(analyzeRun(run, { ...small, out: fresh(), ...options })).rejects.toThrow(sentence);
  });
});

describe.each([
  { name: 'clip' },
  { name: 'simclr', projector: { hidden: 32, embedDim: 16 } },
  { name: 'moco-v3', heads: { hidden: 32, embedDim: 16 } },
  { name: 'dino', head: { hidden: 32, embedDim: 16, outputs: 24 }, localCrops: { count: 2, size: 16 } },
])('an analysis of $name', (method) => {
  it('finds no bias in whole sequences, some in shorter ones, which cost less', async () => {
    const config = tinyConfig({
      name: method.name,
      train: data,
      duration: { steps: 4 },
      model: method.name === 'clip' ? tinyModel : { image: tinyModel.image },
      method: method as never,
      ...(method.name === 'dino' && { data: { hold: 'device' } as never }), // views of two sizes
    });
    const { runDir: dir } = await trainTiny(config, { runsDir });
    const { liveTensors } = memoryStats();
    const analysis = (await analyzeRun(dir, { ...small, at: [0, 1], adam: method.name === 'moco-v3' }))!;
    expect(memoryStats().liveTensors).toBe(liveTensors);
    for (const snapshot of analysis.snapshots) {
      expect(Object.keys(snapshot.groups).slice(0, 2)).toEqual(['image', 'all']);
      expect('adam' in snapshot.groups).toBe(method.name === 'moco-v3');
      for (const { candidates } of Object.values(snapshot.groups)) {
        const [whole, ...short] = candidates;
        expect(whole.biasSquared.plain).toBe(0);
        for (const candidate of short) {
          expect(candidate.biasSquared.plain).toBeGreaterThan(0);
          expect(candidate.cost).toBeLessThan(whole.cost);
        }
      }
    }
  });
});

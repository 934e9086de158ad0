// What reads the files of a run: damaged ones give a sentence, or data that keeps its rules. COUPLET_FUZZ=5000 tries more of them.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { PassLog } from '../../src/analysis/pass-log.ts';
import { scheduleOf } from '../../src/analysis/schedule-rule.ts';
import { readAnalysis, readStepTimes } from '../../src/analysis/schema.ts';
import { compressionSchedule } from '../../src/compress/schedule.ts';
import { loadConfig } from '../../src/config/index.ts';
import { CoupletError } from '../../src/errors.ts';
import { readState, verifyCheckpoint } from '../../src/io/checkpoint-files.ts';
import { byteLength } from '../../src/io/host-tensor.ts';
import { MetricsWriter, readMetrics } from '../../src/io/metrics.ts';
import { lockRun } from '../../src/io/run-lock.ts';
import { readSafetensors } from '../../src/io/safetensors.ts';
import { fromSaved } from '../../src/online-compression/state.ts';
import { readBestStep } from '../../src/run/journal.ts';
import { planOf } from '../../src/run/plan.ts';
import { resolveConfig } from '../../src/run/resolve.ts';
import { checkSameRun } from '../../src/run/same-run.ts';
import { madeUpAnalysis } from '../analysis/made-up.ts';
import { damageBytes, damageJson, randomOf } from './damage.ts';
import { runsFolder } from './harness.ts';

const INPUTS = Number(process.env.COUPLET_FUZZ ?? 300);
const MOST_SECONDS = 10;
const whole = join(import.meta.dirname, 'old-run');
const folder = runsFolder();
const runDir = join(folder, 'run');
const step = { path: join(runDir, 'checkpoints/step-00000014'), step: 14 };
const inRun = (name: string) => join(runDir, name);

const schedule = {
  version: 1,
  imageSize: 8,
  patchSize: 2,
  stages: [
    { from: 0, tokenDropout: 0.5 },
    { from: 0.5, patchSize: 4 },
  ],
};
const header = {
  version: 2,
  settings: { seed: 0, samples: 8 },
  snapshots: [{ step: 0, seconds: 0 }],
  config: { name: 'x' },
} as const;
const moments = {
  subBatch: 4,
  perFold: 2,
  own: [
    [1, 0],
    [0, 1],
  ],
  difference: [
    [0, 0],
    [0, 0],
  ],
  squares: [1, 2],
};
const pass = {
  kind: 'candidate',
  step: 0,
  tokenDropout: 0.5,
  patchSize: 2,
  moments: { all: moments },
  seconds: 1,
  forwards: 2,
};
const others: Record<string, string> = {
  'best.json': '{"step":14,"metric":"eval/knn","value":0.5}\n',
  lock: '{"pid":4194305,"host":"elsewhere","started":"2026-01-01T00:00:00.000Z","ticks":12}\n',
  'analysis.json': JSON.stringify(madeUpAnalysis()),
  'schedule.json': JSON.stringify(schedule),
  'analysis.jsonl': [header, pass, { kind: 'spent', seconds: 1, forwards: 0 }]
    .map((line) => `${JSON.stringify(line)}\n`)
    .join(''),
  'step-times.json': '[{"seconds":0.5},{"tokenDropout":0.5,"patchSize":4,"seconds":0.25}]',
};

beforeEach(() => {
  rmSync(runDir, { recursive: true, force: true });
  cpSync(whole, runDir, { recursive: true });
  for (const [name, text] of Object.entries(others)) writeFileSync(inRun(name), text);
});

const allFinite = (value: unknown): boolean =>
  typeof value === 'number'
    ? Number.isFinite(value)
    : typeof value !== 'object' || value === null || Object.values(value).every(allFinite);

interface Reader {
  /** In the run's folder. */
  file: string;
  /** Reads the file as Couplet does, and checks what it gives. */
  read: () => unknown;
  damage?: (bytes: Buffer, random: () => number) => Buffer;
}

const readers: Record<string, Reader> = {
  'state.json': {
    file: 'checkpoints/step-00000014/state.json',
    async read() {
      await verifyCheckpoint(step);
      const state = readState(step);
      expect([state.step, state.optimizer.steps, state.spent.steps]).toEqual([14, 14, 14]);
      expect([allFinite(state.spent), allFinite(state.skipped), state.datasetSize > 0]).toEqual([
        true,
        true,
        true,
      ]);
      const grid = [0, 0.5].map((tokenDropout) => ({ tokenDropout, patchSize: 2, cost: 1 }));
      const online = fromSaved(state.online, { grid: grid as never, path: step.path });
      expect([allFinite(online.averages), online.nextStep >= 0]).toEqual([true, true]);
    },
  },
  'config.json': {
    file: 'config.json',
    async read() {
      const config = await loadConfig(inRun('config.json'), { saved: true });
      checkSameRun(config, runDir);
      const plan = planOf(resolveConfig(config), 64);
      expect([plan.contextAt(0).lr >= 0, plan.budget.total > 0]).toEqual([true, true]);
    },
  },
  'metrics.jsonl': {
    file: 'metrics.jsonl',
    read() {
      for (const row of readMetrics(inRun('metrics.jsonl'))) expect(row.step).toBeGreaterThanOrEqual(0);
      new MetricsWriter(inRun('metrics.jsonl'), { resumeStep: 14 }).close();
    },
  },
  'best.json': { file: 'best.json', read: () => expect(readBestStep(runDir)).toBeGreaterThanOrEqual(0) },
  lock: { file: 'lock', read: () => lockRun(runDir).unlock() },
  'model.safetensors': {
    file: 'checkpoints/step-00000014/model.safetensors',
    async read() {
      const { tensors } = await readSafetensors(join(step.path, 'model.safetensors'));
      for (const { dtype, shape, data } of tensors.values())
        expect(data.length).toBe(byteLength(dtype, shape));
    },
    damage: (bytes, random) => {
      const end = 8 + Number(bytes.readBigUInt64LE(0));
      if (random() < 0.3) return damageBytes(bytes, random);
      // Damaged values in a header that has the right length.
      const text = damageJson(bytes.subarray(8, end).toString(), random);
      const size = Buffer.alloc(8);
      size.writeBigUInt64LE(BigInt(text.length));
      return Buffer.concat([size, text, bytes.subarray(end)]);
    },
  },
  'analysis.json': {
    file: 'analysis.json',
    read() {
      const analysis = readAnalysis(inRun('analysis.json'));
      for (const options of [{}, { monotone: true, interpolate: true }]) {
        const { file, meanCost } = scheduleOf(analysis, options);
        writeFileSync(inRun('found.json'), JSON.stringify(file));
        expect([allFinite(file), meanCost > 0]).toEqual([true, true]);
      }
    },
  },
  'schedule.json': {
    file: 'schedule.json',
    read() {
      const at = compressionSchedule({ file: inRun('schedule.json') }, { imageSize: 8, patchSize: 2 });
      for (const progress of [0, 0.5, 1]) expect(allFinite(at(progress))).toBe(true);
    },
  },
  'pass log': {
    file: 'analysis.jsonl',
    read: () => expect(allFinite(new PassLog(inRun('analysis.jsonl'), header).lines)).toBe(true),
  },
  'step times': {
    file: 'step-times.json',
    read: () =>
      expect(readStepTimes(inRun('step-times.json')).every(({ seconds }) => seconds > 0)).toBe(true),
  },
};

test.each(Object.entries(readers))(
  '%s',
  async (_, { file, read, damage }) => {
    const path = inRun(file);
    const sound = readFileSync(path);
    if (file !== 'lock') await read(); // that lock is of another machine
    for (let seed = 0; seed < INPUTS / Object.keys(readers).length; seed++) {
      const random = randomOf(seed);
      const content = damage ? damage(sound, random) : damageJson(sound.toString(), random);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
      const start = performance.now();
      const why = `seed ${seed}: ${content.subarray(0, 300)}`;
      try {
        await read();
      } catch (error) {
        expect(error, `${why}\n${(error as Error).stack}`).toBeInstanceOf(CoupletError);
        expect((error as Error).message, why).not.toMatch(/undefined|\[object|TypeError|RangeError/);
      }
      expect((performance.now() - start) / 1000, why).toBeLessThan(MOST_SECONDS);
    }
  },
  600_000,
);

import { appendFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { CoupletError } from '../errors.ts';
import { MetricsWriter, readMetrics } from './metrics.ts';

let path: string;
beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 'couplet-')), 'metrics.jsonl');
});

function write(steps: readonly number[], options: { resumeStep?: number } = {}): void {
  const writer = new MetricsWriter(path, options);
  for (const step of steps) writer.write({ step, 'train/loss': 1 / step });
  writer.flush();
  writer.close();
}
const steps = () => readMetrics(path).map(({ step }) => step);

it('writes one JSON object a line, the step first, and reads it back', () => {
  const writer = new MetricsWriter(path);
  writer.write({ 'train/loss': 0.5, lr: 1e-4, step: 1 });
  writer.write({ step: 2, 'train/loss': Number.NaN, lr: Number.POSITIVE_INFINITY });
  writer.close();
  expect(readFileSync(path, 'utf8')).toBe(
    '{"step":1,"train/loss":0.5,"lr":0.0001}\n{"step":2,"train/loss":"NaN","lr":"Infinity"}\n',
  );
  expect(readMetrics(path)).toEqual([
    { step: 1, 'train/loss': 0.5, lr: 1e-4 },
    { step: 2, 'train/loss': Number.NaN, lr: Number.POSITIVE_INFINITY },
  ]);
});

it('drops on resume what comes after the checkpoint', () => {
  write([10, 20, 30, 40]);
  write([30], { resumeStep: 20 });
  expect(steps()).toEqual([10, 20, 30]);
});

it.each(['{"step":40,"train/lo', '{"step":40,"train/lo\n', '\0\0\0\0'])(
  'drops a last line that a crash cut: %j',
  (tail) => {
    write([10, 20, 30]);
    appendFileSync(path, tail);
    expect(steps()).toEqual([10, 20, 30]);
    write([40], { resumeStep: 30 });
    expect(steps()).toEqual([10, 20, 30, 40]);
  },
);

it('starts an empty file for a new run, and for a resume without one', () => {
  write([1, 2]);
  write([5]);
  expect(steps()).toEqual([5]);
  path = `${path}.other`;
  write([6], { resumeStep: 5 });
  expect(steps()).toEqual([6]);
});

it('names the line that is damaged, and the file that cannot be written', () => {
  writeFileSync(path, '{"step":1}\n{"loss":2}\n{"step":3}\n');
  expect(() => readMetrics(path)).toThrow(`${path}:2 is not`);
  expect(() => new MetricsWriter(path, { resumeStep: 9 })).toThrow(CoupletError);
  expect(readFileSync(path, 'utf8').length).toBe(33);
  expect(() => new MetricsWriter(join(path, 'x'))).toThrow(/Cannot write the metrics/);
  expect(() => readMetrics(`${path}.none`)).toThrow(/Cannot read the metrics/);
});

// JSON from outside goes through src/io/json-file.ts, which bounds it, and through a schema.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const SRC = join(import.meta.dirname, '../../src');

const EXCEPTIONS: Record<string, string> = {
  'io/json-file.ts': 'it is the one place',
  'io/safetensors-header.ts': 'a single string',
  'torch/native.ts': 'below io; one checked key',
  'cli/main.ts': "Couplet's own package.json",
  'analysis/pass-log.ts': 'a copy of a value of this process',
  'run/same-run.ts': 'a copy of a value of this process',
  'ranks/difference.ts': 'what this process and rank 0 wrote',
  'run/build.ts': 'what rank 0 wrote',
  'run/evaluate-and-save.ts': 'what rank 0 wrote',
  'run/probe-if-due.ts': 'what rank 0 wrote',
  // Fields of samples, of which single values are taken by name and checked.
  'data/dataset/captions.ts': 'a sample',
  'data/dataset/classes.ts': 'names of classes',
  'data/dataset/parquet-file.ts': 'names of classes',
  'data/dataset/sources/manifest.ts': 'a sample',
  'data/dataset/sources/webdataset.ts': 'a sample',
};

test('JSON.parse stands in one place, with exceptions that have a reason', () => {
  const files = readdirSync(SRC, { recursive: true }) as string[];
  const parsing = files.filter(
    (file) =>
      /\.c?ts$/.test(file) &&
      !file.endsWith('.test.ts') &&
      /JSON\.parse\(/.test(readFileSync(join(SRC, file), 'utf8')),
  );
  expect(parsing.filter((file) => !Object.hasOwn(EXCEPTIONS, file))).toEqual([]);
});

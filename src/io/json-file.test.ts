import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { CoupletError } from '../errors.ts';
import { readJsonFile } from './json-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'couplet-json-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('reads JSON, and names a file that is none', () => {
  const path = join(folder, 'a.json');
  writeFileSync(path, '{"step":3}');
  expect(readJsonFile(path)).toEqual({ step: 3 });
  writeFileSync(path, '{"step":');
  expect(() => readJsonFile(path)).toThrow(/a\.json is not JSON: /);
  expect(() => readJsonFile(join(folder, 'b.json'))).toThrow(
    /b\.json could not be read: .*Check the path\.$/,
  );
  expect(() => readJsonFile(folder)).toThrow(CoupletError);
});

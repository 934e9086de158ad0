import { mkdtempSync, openSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { CoupletError } from '../errors.ts';
import { isMachineFailure, systemCode, systemFailure } from './system-error.ts';

const folder = mkdtempSync(join(tmpdir(), 'couplet-system-'));
afterAll(() => rmSync(folder, { recursive: true }));
const inFolder = (name: string) => join(folder, name);
writeFileSync(inFolder('file'), '');
symlinkSync('loop', inFolder('loop'));

const errorOf = (action: () => unknown): unknown => {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
};
const withCode = (code: string) =>
  Object.assign(new Error(`${code}: words of the system, open 'a.jpg'`), { code });

test.each([
  [() => readFileSync(inFolder('none')), /none: there is no such file or folder \(ENOENT\)\. Check the path/],
  [() => readFileSync(inFolder('file/x')), /x: a part of the path is a file/],
  [() => readFileSync(folder), /it is a folder, not a file/],
  [() => openSync(inFolder('file'), 'wx'), /file: it exists already/],
  [() => readFileSync(inFolder('loop')), /loop: its links go in a circle/],
  [() => readFileSync(inFolder('n'.repeat(300))), /the name is too long/],
  [() => renameSync(inFolder('none'), inFolder('other')), /none or .*other: there is no such file/],
])('a real error of the system becomes a sentence: %#', (action, sentence) => {
  const failure = systemFailure(errorOf(action)) as Error;
  expect(failure).toBeInstanceOf(CoupletError);
  expect(failure.message).toMatch(sentence);
});

test('the machine fails, or one file does', () => {
  for (const code of ['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'EIO', 'EROFS', 'ESTALE', 'ENOMEM'])
    expect(isMachineFailure(withCode(code)), code).toBe(true);
  for (const code of ['ENOENT', 'EACCES', 'EPERM', 'EISDIR', 'ENOTDIR', 'ELOOP'])
    expect(isMachineFailure(withCode(code)), code).toBe(false);
  expect(isMachineFailure(new CoupletError('a.parquet: half', { cause: withCode('ENOSPC') }))).toBe(true);
  for (const other of [undefined, null, 'ENOSPC', new Error('ENOSPC'), { code: 'ENOSPC' }])
    expect(isMachineFailure(other)).toBe(false);
});

test('without a path the sentence is about the machine', () => {
  const failure = systemFailure(withCode('EAGAIN')) as Error;
  expect(failure.message).toMatch(/^the machine has no thread or process left \(EAGAIN\)\. Raise the limit/);
});

test('a sentence stays as it is, and a defect stays one', () => {
  const sentence = new CoupletError('said already', { cause: withCode('EIO') });
  expect(systemFailure(sentence)).toBe(sentence);
  for (const defect of [new TypeError('x is undefined'), withCode('EBADF'), withCode('constructor')]) {
    expect(systemFailure(defect)).toBe(defect);
    expect(systemCode(defect)).toBeUndefined();
  }
});

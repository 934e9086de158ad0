import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CoupletError } from '../errors.ts';
import { TorchError } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { fail } from './fail.ts';

const consoleError = vi.spyOn(console, 'error').mockImplementation(() => {});
beforeEach(() => consoleError.mockClear());
afterEach(() => {
  process.exitCode = undefined;
});
const printed = () => consoleError.mock.calls.flat().join('\n');

test('an error of the user has no stack; a defect has one, and asks for a report', () => {
  fail(new CoupletError('photos is missing: make it.'));
  expect(printed()).toBe('couplet: photos is missing: make it.');
  expect(process.exitCode).toBe(1);
  consoleError.mockClear();
  fail(new TorchError('aten::add: shapes'));
  expect(printed()).toMatch(/TorchError: aten::add: shapes\n +at .*fail\.test\.ts[\s\S]*defect of Couplet/);
});

test('an error of the file system is no defect', () => {
  const full = Object.assign(new Error("ENOSPC: no space left on device, open 'runs/a/lock'"), {
    code: 'ENOSPC',
    path: 'runs/a/lock',
  });
  fail(full);
  expect(printed()).toMatch(/^couplet: Cannot use runs\/a\/lock: the disk is full \(ENOSPC\)\. Make room/);
});

test('out of memory is no defect: the error says what to do', () => {
  const onGpu =
    'aten::gelu(self: bfloat16 [512, 257, 768] cuda:0): CUDA out of memory. Tried to allocate 194.00 MiB. GPU 0 has a total capacity of 139.80 GiB of which 133.38 MiB is free. Process 928 has 66.00 MiB memory in use.\nException raised from malloc';
  fail(new TorchError(onGpu));
  expect(printed()).toMatch(
    /^couplet: out of memory: .*Tried to allocate 194\.00 MiB\. GPU 0 has .* 133\.38 MiB is free\.\n.*--resume latest\.\n.*batch\.gradAccumSteps.*\n.*--sub-batch\.$/,
  );
});

test('a batch that Node cannot allocate', () => {
  try {
    new SharedArrayBuffer(2 ** 50);
  } catch (error) {
    fail(error);
  }
  expect(printed()).toMatch(/^couplet: out of memory: Array buffer allocation failed\n/);
});

test('out of host memory, with the text of libtorch', () => {
  const petabyte = () => ops.zeros([2 ** 48]);
  expect(petabyte).toThrow(TorchError);
  try {
    petabyte();
  } catch (error) {
    fail(error);
  }
  expect(printed()).toMatch(
    /^couplet: out of memory: .*you tried to allocate 1125899906842624 bytes.*\n.*--resume latest\.\n.*\n.*--sub-batch\.$/,
  );
  expect(printed()).not.toMatch(/defect/);
});

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CoupletError } from '../errors.ts';
import { TorchError } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { fail } from './fail.ts';

const said = vi.spyOn(console, 'error').mockImplementation(() => {});
beforeEach(() => said.mockClear());
afterEach(() => {
  process.exitCode = undefined;
});
const told = () => said.mock.calls.flat().join('\n');

test('what a person can mend has no stack; a defect has, and asks for a report', () => {
  fail(new CoupletError('photos is missing: make it.'));
  expect(told()).toBe('couplet: photos is missing: make it.');
  expect(process.exitCode).toBe(1);
  said.mockClear();
  fail(new TorchError('aten::add: shapes'));
  expect(told()).toMatch(/TorchError: aten::add: shapes\n +at .*fail\.test\.ts[\s\S]*defect of Couplet/);
});

test('want of memory is no defect: it says what to do', () => {
  const onGpu =
    'aten::gelu(self: bfloat16 [512, 257, 768] cuda:0): CUDA out of memory. Tried to allocate 194.00 MiB. GPU 0 has a total capacity of 139.80 GiB of which 133.38 MiB is free. Process 928 has 66.00 MiB memory in use.\nException raised from malloc';
  fail(new TorchError(onGpu));
  expect(told()).toMatch(
    /^couplet: out of memory\. .*--resume latest.*batch\.gradAccumSteps.*--sub-batch.*Tried to allocate 194\.00 MiB\. GPU 0 has .* 133\.38 MiB is free\.$/,
  );
});

test('also in the host memory, as libtorch itself tells it', () => {
  const petabyte = () => ops.zeros([2 ** 48]);
  expect(petabyte).toThrow(TorchError);
  try {
    petabyte();
  } catch (error) {
    fail(error);
  }
  expect(told()).toMatch(/^couplet: out of memory\. .*you tried to allocate 1125899906842624 bytes/);
  expect(told()).not.toMatch(/\n|defect/);
});

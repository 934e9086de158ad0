import { expect, test } from 'vitest';
import { runAll, withCleanUp } from './errors.ts';

const fail = (message: string) => () => {
  throw new Error(message);
};

test('the error of a clean-up never hides the one before it', async () => {
  const done: string[] = [];
  const note = (name: string) => () => void done.push(name);
  await expect(withCleanUp(fail('the cause'), fail('unlink: EIO'))).rejects.toThrow('the cause');
  await expect(withCleanUp(fail('the cause'), note('after an error'))).rejects.toThrow('the cause');
  await expect(
    withCleanUp(
      () => Promise.reject(new Error('later')),
      () => Promise.reject(new Error('EIO')),
    ),
  ).rejects.toThrow('later');
  await expect(withCleanUp(() => 3, note('after success'))).resolves.toBe(3);
  await expect(withCleanUp(() => 3, fail('EIO'))).rejects.toThrow('EIO');
  expect(done).toEqual(['after an error', 'after success']);
});

test('all actions run, and the first error is thrown', () => {
  const done: number[] = [];
  expect(() => runAll([fail('first'), () => done.push(1), fail('second'), () => done.push(2)])).toThrow(
    'first',
  );
  expect(done).toEqual([1, 2]);
});

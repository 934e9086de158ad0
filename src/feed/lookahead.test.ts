import { expect, test } from 'vitest';
import type { Problems } from '../data/index.ts';
import type { Feed, PendingBatch } from './feed.ts';
import { Lookahead } from './lookahead.ts';

/** Batches 1, 2, 3 ... with a bad sample in each. */
function feed() {
  let count = 0;
  const released: number[] = [];
  const problems = { count: 0, first: [] as { name: string; reason: string }[] } satisfies Problems;
  const source: Feed = {
    problems,
    close: async () => {},
    next: async () => {
      const number = ++count;
      problems.count++;
      problems.first.push({ name: `${number}.jpg`, reason: 'truncated' });
      return {
        number,
        toDevice: () => expect.fail(),
        release: () => released.push(number),
      } as unknown as PendingBatch;
    },
  };
  return { source, released };
}

const numberOf = (batch: PendingBatch) => (batch as unknown as { number: number }).number;

test('a batch that was seen before its turn comes in its turn, once', async () => {
  const ahead = new Lookahead(feed().source);
  const order = [
    await ahead.next(),
    await ahead.peek(),
    await ahead.peek(),
    await ahead.next(),
    await ahead.next(),
  ];
  expect(order.map(numberOf)).toEqual([1, 2, 2, 2, 3]);
});

test('what was skipped in it counts when its turn comes', async () => {
  const ahead = new Lookahead(feed().source);
  await ahead.next();
  await ahead.peek();
  expect(ahead.problems).toEqual({ count: 1, first: [{ name: '1.jpg', reason: 'truncated' }], ids: [] });
  await ahead.next();
  expect(ahead.problems.count).toBe(2);
});

test('closing releases a batch that had no turn', async () => {
  const { source, released } = feed();
  const ahead = new Lookahead(source);
  (await ahead.next()).release();
  await ahead.peek();
  await ahead.close();
  expect(released).toEqual([1, 2]);
  expect(ahead.problems.count).toBe(1);
});

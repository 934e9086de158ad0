// docs/log.md: dated headings, newest first, and three sentences each: tried, result, conclusion.
import { describe, expect, test } from 'vitest';
import { page } from './markdown.ts';

const [, ...entries] = page('log.md').split(/^## /m);

test('the newest stands first', () => {
  const dates = entries.map((entry) => entry.slice(0, 10));
  expect(dates.filter((date) => !/^\d{4}-\d\d-\d\d$/.test(date))).toEqual([]);
  expect(dates).toEqual([...dates].sort().reverse());
});

describe.each(entries.map((entry) => entry.split('\n\n')))('%s', (_, ...paragraphs) => {
  test('has three sentences', () => {
    const text = paragraphs.join(' ').replace(/`[^`]*`/g, '');
    expect(text.match(/\.(?= |\n|$)/g)?.length, text).toBe(3);
  });
});

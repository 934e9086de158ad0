import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { equations, equationsPage, PAGE, proofs } from '../../scripts/write-equations.ts';
import { page } from './markdown.ts';

test('docs/equations.md is what the tags in the code say', () => {
  expect(readFileSync(PAGE, 'utf8')).toBe(equationsPage());
});

test('each equation names its code and a section of its paper', () => {
  const all = equations();
  expect(all.length).toBeGreaterThan(40);
  const papers = { FastCLIP: page('papers/fastclip.md'), FastCL: page('papers/fastcl.md') };
  for (const { paper, section, text, places } of all) {
    for (const { name } of places) expect(name, text).not.toBe('');
    expect(papers[paper], `${paper} ${section}`).toMatch(
      new RegExp(`^#+ ${section.replaceAll('.', '\\.')}[. ]`, 'm'),
    );
  }
});

test('each equation has a test, and no test proves what has no equation', () => {
  const proven = proofs();
  const names = equations().flatMap(({ places }) => places.map(({ name }) => name));
  const bare = equations().filter(({ places }) => places.every(({ name }) => !proven.has(name)));
  expect(bare.map(({ text }) => text)).toEqual([]);
  expect([...proven.keys()].filter((name) => !names.includes(name))).toEqual([]);
});

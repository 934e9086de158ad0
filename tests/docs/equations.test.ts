// docs/equations.md: a row is an equation, the code that computes it, and the tests that prove it.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { page, ROOT, rows } from './markdown.ts';

const table = rows(page('equations.md')).filter(
  ([equation]) => equation !== 'equation' && !/^-+$/.test(equation),
);

/** The parts of a cell in their order: a file that is linked to, a name of code, a title of a test. */
function parts(cell: string): { file: string; names: string[]; titles: string[] }[] {
  const found: { file: string; names: string[]; titles: string[] }[] = [];
  for (const [, link, name, title] of cell.matchAll(/\[[^\]]*\]\(\.\.\/([^)]+)\)|`([^`]+)`|"([^"]+)"/g)) {
    if (link) found.push({ file: link, names: [], titles: [] });
    else if (name) found.at(-1)!.names.push(name);
    else found.at(-1)!.titles.push(title);
  }
  return found;
}

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
/** `surrogateLoss`, or `FastClip.#gamma`: a declaration, or a member. */
const declares = (text: string, name: string) =>
  new RegExp(`(?:function|class|const|interface|type) ${name}\\b|^ {2}(?:async )?${name}\\(`, 'm').test(text);
const exports = (text: string, name: string) =>
  new RegExp(`^export (?:async )?(?:abstract )?(?:function|class|const|interface|type) ${name}\\b`, 'm').test(
    text,
  );

test('the table is there', () => {
  expect(table.length).toBeGreaterThan(25);
  for (const row of table) expect(row, row[0]).toHaveLength(3);
});

describe.each(table)('%s', (_equation, code, proof) => {
  test('its code exists, and is reached by an exported name', () => {
    const found = parts(code);
    expect(found.length).toBeGreaterThan(0);
    for (const { file, names } of found) {
      expect(existsSync(join(ROOT, file)), file).toBe(true);
      const text = read(file);
      expect(
        names.filter((name) => !declares(text, name)),
        file,
      ).toEqual([]);
      expect(names.filter((name) => exports(text, name)).length, file).toBeGreaterThan(0);
    }
  });

  test('its tests exist', () => {
    const found = parts(proof);
    if (found.length === 0) expect(proof).toMatch(/^none yet/);
    for (const { file, titles } of found) {
      expect(existsSync(join(ROOT, file)), file).toBe(true);
      expect(titles.length, file).toBeGreaterThan(0);
      expect(
        titles.filter((title) => !read(file).includes(title)),
        file,
      ).toEqual([]);
    }
  });
});

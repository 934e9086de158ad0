import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from './markdown.ts';

const pages = [
  'README.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true })
    .map((file) => join('docs', String(file)))
    .filter((file) => file.endsWith('.md')),
];
const textOf = (file: string) => readFileSync(join(ROOT, file), 'utf8');

/** Links of a page within this repository: the file, from the root, and the heading. */
function linksOf(file: string) {
  return [...textOf(file).matchAll(/\]\(([^)\s]*)\)/g)]
    .map(([, target]) => target!)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path, heading] = target.split('#') as [string, string?];
      return { path: path === '' ? file : join(dirname(file), path), heading };
    });
}

/** As GitHub names headings. */
function anchorsOf(file: string): string[] {
  return [...textOf(file).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test('pages link to one another', () => {
  expect(pages.flatMap(linksOf).length).toBeGreaterThan(100);
});

test.each(pages)('every file and heading that %s links to is there', (file) => {
  const lost = linksOf(file).filter(({ path, heading }) => {
    if (!existsSync(join(ROOT, path))) return true;
    return heading !== undefined && path.endsWith('.md') && !anchorsOf(path).includes(heading);
  });
  expect(lost).toEqual([]);
});

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { linked, page, ROOT } from './markdown.ts';

test.each([
  'reading-guide.md',
  'equations.md',
  'configuration.md',
  'data.md',
  'running-on-many.md',
  'self-supervised.md',
])('every file that docs/%s links to is there', (name) => {
  const files = linked(page(name), name);
  expect(files.length).toBeGreaterThan(0);
  expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
});

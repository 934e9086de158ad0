import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { configurationPage, documentedPaths, PAGE } from '../../scripts/write-config-docs.ts';
import { runConfigSchema } from '../../src/config/index.ts';
import { allPaths } from '../../src/io/schema-shape.ts';

test('docs/configuration.md is what scripts/write-config-docs.ts writes', () => {
  expect(readFileSync(PAGE, 'utf8'), 'run: node --import jiti/register scripts/write-config-docs.ts').toBe(
    configurationPage(),
  );
});

test('every key of the schema has a row', () => {
  const documented = new Set(documentedPaths());
  // Units of durations are in their type, and sources have one set of tables.
  const folded =
    /\.(steps|epochs|samples|share|forwards|seconds)$|^evaluate\.(zeroShot|retrieval|neighbours)\.(data|train)\./;
  const paths = allPaths(runConfigSchema).map((path) => path.join('.'));
  expect(paths.length).toBeGreaterThan(documented.size / 2);
  expect(paths.filter((path) => !documented.has(path) && !folded.test(path))).toEqual([]);
});

// The header of a config says how to run it and what came of it.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from './markdown.ts';

const names = readdirSync(join(ROOT, 'configs')).filter((name) => name.endsWith('.ts'));

test.each(names)("configs/%s has its command, and its result or 'Not run here'", (name) => {
  const [header] = readFileSync(join(ROOT, 'configs', name), 'utf8').split('\nimport ');
  expect(header).toContain(`couplet train configs/${name}`);
  expect(header).toMatch(/Not run here|\d % .* in [\d.]+ minutes on .*\(docs\/results\/[\w-]+\.md\)/);
});

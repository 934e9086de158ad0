import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { methods } from '../../src/methods/index.ts';
import { backward, clearGrads, gradsOf, scope } from '../../src/torch/index.ts';
import { batchAt, clock, lossOf, makeMethod, makeOptimizer, trainStep } from '../contract/method-fixture.ts';
import { imageToText } from './example-method.ts';
import { blocks, page, ROOT } from './markdown.ts';

/** How the file reads once it lies in src/methods/. */
const moved = (text: string) =>
  text.replaceAll("'../../src/methods/", "'./").replaceAll("'../../src/", "'../");

test('the method of docs/reading-guide.md is the one that is tested here', () => {
  const example = moved(readFileSync(join(ROOT, 'tests/docs/example-method.ts'), 'utf8'));
  expect(blocks(page('reading-guide.md'), 'ts')).toContain(example);
});

test('it is a method: one line in the list, then it has a gradient everywhere and learns', () => {
  const name = imageToText.name;
  Object.assign(methods, { [name]: imageToText });
  const method = makeMethod(name);
  const optimizer = makeOptimizer(method);
  scope(() => {
    const { loss } = lossOf(method, batchAt(0, name), clock(0));
    backward(loss);
    const params = [...method.params.values()];
    expect(params.length).toBeGreaterThan(10);
    for (const grad of gradsOf(params)) expect(grad!.toNumbers().some((value) => value !== 0)).toBe(true);
    clearGrads(params);
  });
  const losses = Array.from({ length: 40 }, () => trainStep(name, method, optimizer, 0).loss);
  expect(losses.at(-1)!).toBeLessThan(0.7 * losses[0]);
  method.dispose();
  optimizer.dispose();
});

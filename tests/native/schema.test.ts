import { expect, test } from 'vitest';
import { native } from '../../src/torch/native.ts';
import * as ops from '../../src/torch/ops.ts';
import { parseSchema } from '../../src/torch/schema.ts';

/** Not in every libtorch that we support; the code asks has() before it calls them. */
const OPTIONAL = new Set([
  'aten::_scaled_dot_product_attention', // its name until 1.13
  'aten::scaled_dot_product_attention',
  'aten::_foreach_mul_.Tensor',
  'aten::_foreach_copy_',
  'aten::_foreach_sign_',
  'aten::_fused_adamw_',
]);

const cases = ops.SCHEMAS.map((text) => ({ name: text.slice(0, text.indexOf('(')), text }));

test.each(cases)('$name is what the running libtorch has', ({ name, text }) => {
  const [base, overload = ''] = name.split('.');
  const running = native.schema(base, overload);
  if (running === undefined) {
    expect(OPTIONAL, `${name} is missing in this libtorch`).toContain(name);
    expect(ops.has(name)).toBe(false);
    return;
  }
  expect(ops.has(name)).toBe(true);
  const ours = parseSchema(text);
  const theirs = parseSchema(running);
  expect(theirs.arguments.slice(0, ours.arguments.length)).toEqual(ours.arguments);
  // What a newer libtorch appended must do without us.
  for (const extra of theirs.arguments.slice(ours.arguments.length))
    expect(extra.hasDefault, `${name}: ${extra.name} is new and has no default`).toBe(true);
  expect(theirs.returns).toEqual(ours.returns);
});

test('the list has an op once, and a function for each', () => {
  expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  for (const { text } of cases) {
    const { name, overload } = parseSchema(text);
    expect(ops, name).toHaveProperty(overload ? `${name}_${overload}` : name);
  }
});

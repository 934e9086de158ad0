import { expect, test } from 'vitest';
import { parseSchema } from './schema.ts';

const argument = (name: string, type: string, more: { optional?: boolean; hasDefault?: boolean } = {}) => ({
  name,
  type,
  optional: false,
  hasDefault: false,
  ...more,
});

test('an op with an overload, a keyword-only argument and a default', () => {
  expect(
    parseSchema('aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor'),
  ).toMatchObject({
    name: 'add',
    overload: 'Tensor',
    arguments: [
      argument('self', 'Tensor'),
      argument('other', 'Tensor'),
      argument('alpha', 'Scalar', { hasDefault: true }),
    ],
    returns: [{ type: 'Tensor', writes: false }],
  });
});

test('in place, sized lists, optionals, symbolic ints', () => {
  const { arguments: args, returns } = parseSchema(
    'aten::x_(Tensor(a!) self, SymInt[2]? size=[1, 1], Tensor?[] indices, ScalarType? dtype=None) -> Tensor(a!)',
  );
  expect(args).toEqual([
    argument('self', 'Tensor'),
    argument('size', 'int[]', { optional: true, hasDefault: true }),
    argument('indices', 'Tensor?[]'),
    argument('dtype', 'ScalarType', { optional: true, hasDefault: true }),
  ]);
  expect(returns).toMatchObject([{ type: 'Tensor', writes: true }]);
});

test('no result, several results, lists in place', () => {
  expect(parseSchema('aten::_foreach_add_.Scalar(Tensor(a!)[] self, Scalar scalar) -> ()')).toMatchObject({
    arguments: [argument('self', 'Tensor[]'), argument('scalar', 'Scalar')],
    returns: [],
  });
  expect(
    parseSchema('aten::max.dim(Tensor self, int dim) -> (Tensor values, Tensor indices)').returns,
  ).toMatchObject([
    { type: 'Tensor', writes: false },
    { type: 'Tensor', writes: false },
  ]);
  expect(parseSchema('aten::split.Tensor(Tensor(a -> *) self, int n) -> Tensor(a)[]').returns).toMatchObject([
    { type: 'Tensor[]', writes: false },
  ]);
});

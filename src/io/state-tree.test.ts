import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { CoupletError } from '../errors.ts';
import { readSafetensors, writeSafetensors } from './safetensors.ts';
import { flattenState, type StateTree, unflattenState } from './state-tree.ts';

const key = fc.oneof(
  fc.string({ maxLength: 4 }),
  fc.constantFrom(
    '$tensor',
    '$number',
    '$bigint',
    '$object',
    '__proto__',
    'a/b',
    'a',
    'b',
    '__metadata__',
    'data',
    '0',
  ),
);
const leaf = fc.oneof(
  fc.double(),
  fc.constantFrom(-0, 0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5e-324, 2 ** 53),
  fc.bigInt(),
  fc.string({ unit: 'binary' }),
  fc.boolean(),
  fc.constant(null),
  fc
    .array(fc.integer({ min: 0, max: 255 }), { maxLength: 4 })
    .map((bytes) => ({ dtype: 'uint8', shape: [bytes.length], data: Uint8Array.from(bytes) }) as const),
);
const { tree } = fc.letrec<{ tree: StateTree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'medium', maxDepth: 5 },
    leaf,
    fc.array(tie('tree'), { maxLength: 4 }),
    fc
      .array(fc.tuple(key, tie('tree')), { maxLength: 4 })
      .map((entries): StateTree => Object.fromEntries(entries)),
  ),
}));

it('gives back an equal tree, through JSON text', () => {
  fc.assert(
    fc.property(tree, (state) => {
      const { tensors, json } = flattenState(state);
      expect(unflattenState({ tensors, json: JSON.parse(JSON.stringify(json)) })).toStrictEqual(state);
    }),
    { numRuns: 1000 },
  );
});

it('names tensors by their path, and survives a safetensors file', async () => {
  const w = { dtype: 'float32', shape: [1], data: new Uint8Array(Float32Array.of(-0).buffer) } as const;
  const u = { dtype: 'float64', shape: [1], data: new Uint8Array(Float64Array.of(3).buffer) } as const;
  const state = { optimizer: { step: 7, exp_avg: { 'visual.proj': w } }, seen: 2n ** 63n, u: [u, w] };
  const { tensors, json } = flattenState(state);
  expect(Object.keys(tensors)).toEqual(['optimizer/exp_avg/visual.proj', 'u/0', 'u/1']);
  expect(json).toEqual({
    optimizer: { step: 7, exp_avg: { 'visual.proj': { $tensor: 'optimizer/exp_avg/visual.proj' } } },
    seen: { $bigint: '9223372036854775808' },
    u: [{ $tensor: 'u/0' }, { $tensor: 'u/1' }],
  });
  const path = join(await mkdtemp(join(tmpdir(), 'couplet-')), 'state.safetensors');
  await writeSafetensors(path, tensors);
  expect(unflattenState({ ...(await readSafetensors(path)), json })).toStrictEqual(state);
});

it('refuses what is not plain data, with its path', () => {
  const bad = (value: unknown) => () => flattenState({ a: [{ b: value as StateTree }] });
  expect(bad(undefined)).toThrow("'a/0/b' is undefined");
  expect(bad(new Map())).toThrow("'a/0/b' is a Map");
  expect(bad(() => 1)).toThrow("'a/0/b' is function");
  expect(bad({ dtype: 'float32', shape: [2], data: new Uint8Array(1) })).toThrow(
    /'a\/0\/b' of float32 \[2\] takes 8/,
  );
});

it('refuses two files that are not of one checkpoint, and damaged tags', () => {
  const x = { dtype: 'uint8', shape: [1], data: Uint8Array.of(1) } as const;
  expect(() => unflattenState({ tensors: {}, json: { $tensor: 'x' } })).toThrow(/lacks the tensor 'x'/);
  expect(() => unflattenState({ tensors: { x }, json: {} })).toThrow(/does not use 1 of its tensors: x/);
  expect(() => unflattenState({ tensors: {}, json: { $number: '3' } })).toThrow(CoupletError);
  expect(() => unflattenState({ tensors: {}, json: { $bigint: 'x' } })).toThrow(CoupletError);
});

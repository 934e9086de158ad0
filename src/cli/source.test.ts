import { expect, it } from 'vitest';
import { sourceFlag } from './source.ts';

it('a path is a folder of classes', () => {
  expect(sourceFlag('photos/test', '--test')).toEqual({ type: 'folder', path: 'photos/test' });
});

it.each([
  ['pairs.csv', 'manifest'],
  ['a/pairs.JSONL', 'manifest'],
  ['shards/{000..099}.tar', 'webdataset'],
  ['data/train.parquet', 'parquet'],
  ['photos.v2', 'folder'],
])('the path %s is a %s', (path, type) => {
  expect(sourceFlag(path, '--train')).toEqual({ type, path });
});

it('JSON is a source, or several', () => {
  const parquet = { type: 'parquet', path: 'test.parquet' };
  expect(sourceFlag(JSON.stringify(parquet), '--test')).toEqual(parquet);
  expect(sourceFlag(JSON.stringify([parquet, parquet]), '--test')).toEqual([parquet, parquet]);
});

it('refuses JSON that is cut, and JSON that is no source', () => {
  expect(() => sourceFlag('{"type":"parquet"', '--train')).toThrow(
    /^--train \{"type":"parquet" is not JSON: .* It is no source: expected a path, or JSON such as/,
  );
  expect(() => sourceFlag('{"type":"zip","path":"a"}', '--test')).toThrow(
    /^--test .* is not a source: expected a path, or JSON such as/,
  );
});

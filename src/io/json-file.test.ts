import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { z } from 'zod';
import { CoupletError } from '../errors.ts';
import { parseJson, readJsonFile } from './json-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'couplet-json-'));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'a.json');

const schema = z.looseObject({ step: z.int().min(0).describe('updates done'), rest: z.unknown().optional() });
const read = (content: string | Uint8Array) => {
  writeFileSync(path, content);
  return readJsonFile(path, schema, 'Use another file.');
};
const utf16 = Buffer.from('\ufeff{"step":3}', 'utf16le');

test('reads what the schema allows, after a byte order mark too', () => {
  expect(read('{"step":3}')).toEqual({ step: 3 });
  expect(read('\ufeff {"step":3}\r\n')).toEqual({ step: 3 });
  expect(read(`{"step":3,"rest":"${'[{\\"'.repeat(500)}"}`).step).toBe(3); // brackets in a string are no depth
  expect(read(`{"step":3,"rest":${'['.repeat(98)}${']'.repeat(98)}}`).step).toBe(3);
});

test.each<[string, string | Uint8Array, RegExp]>([
  [
    'a missing key',
    '{}',
    /a\.json: step is missing: expected a number \(updates done\)\. Use another file\.$/,
  ],
  ['a wrong type', '{"step":[[]]}', /a\.json: step: expected a number, got \[ \[\] \]/],
  ['a number that is no count', '{"step":-1e308}', /step: expected .*got -1e\+308/],
  ['a number beyond all', '{"step":1e999}', /step: expected a number, got Infinity/],
  ['a list', '[]', /a\.json: the whole: expected an object, got \[\]/],
  ['null', 'null', /a\.json: the whole: expected an object, got null/],
  ['half a file', '{"step":', /a\.json is not JSON: .*Use another file\.$/],
  ['no content', ' \n', /a\.json is empty/],
  ['zeros, as after a power cut', new Uint8Array(64), /a\.json is not JSON/],
  ['bytes that are no UTF-8', Uint8Array.of(0x22, 0xff, 0x22), /a\.json is not UTF-8 text/],
  ['UTF-16', utf16, /a\.json is not UTF-8 text/],
  ['deep nesting', `{"step":3,"rest":${'['.repeat(3000)}${']'.repeat(3000)}}`, /nested more than 100 levels/],
  ['deep nesting of objects', `${'{"step":'.repeat(1e5)}1${'}'.repeat(1e5)}`, /nested more than 100 levels/],
  ['millions of values', `[${'1,'.repeat(5e5)}1]`, /has more than 500000 values/],
  ['a prototype', '{"step":3,"rest":[{"__proto__":{"step":4}}]}', /a key `__proto__`/],
  ['an escaped prototype', '{"step":3,"\\u005f_proto__":{}}', /a key `__proto__`/],
])('refuses %s', (_, content, sentence) => {
  expect(() => read(content)).toThrow(CoupletError);
  expect(() => read(content)).toThrow(sentence);
});

test('a quoted part of the text brings no control characters to the terminal', () => {
  expect(() => read('{"a": \u001b[31m}')).toThrow(/^[^\p{Cc}]*$/u);
});

test('refuses a folder, a pipe, a missing file and a huge one', () => {
  expect(() => readJsonFile(folder, schema)).toThrow(/it is a folder, not a file/);
  expect(() => readJsonFile(join(folder, 'b.json'), schema)).toThrow(
    /b\.json: there is no such file.*Check the path/,
  );
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  expect(() => readJsonFile(join(folder, 'pipe'), schema)).toThrow(/pipe is a device or a pipe/);
  writeFileSync(path, '');
  truncateSync(path, 2 ** 31);
  expect(() => readJsonFile(path, schema)).toThrow(/has 2147483648 bytes: expected JSON of at most/);
});

test('many wrong values take no time: the first few are named', () => {
  const start = performance.now();
  const numbers = z.array(z.string());
  writeFileSync(path, `[${'1,'.repeat(4e5)}1]`);
  expect(() => readJsonFile(path, numbers)).toThrow(
    /^.*of another kind:\n( {2}\d: expected a string, got 1\n){5}/,
  );
  expect(performance.now() - start).toBeLessThan(10_000);
});

test('a line is named by its number', () => {
  expect(() => parseJson('{', { where: 'a.jsonl:7', todo: 'Remove it.' })).toThrow(
    /^a\.jsonl:7 is not JSON: .*\. Remove it\.$/,
  );
});

// Against transformers: tests/parity/make-family-goldens.py.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { createTokenizer, loadTokenizer, type TextFrame } from './tokenizer.ts';

const folderOf = (family: string) =>
  fileURLToPath(new URL(`../../../tests/parity/families/${family}/`, import.meta.url));

interface Golden {
  text: string;
  ids: number[];
}

const goldensOf = (family: string) =>
  JSON.parse(readFileSync(`${folderOf(family)}texts.json`, 'utf8')) as Golden[];
const contextLength = 9;
const load = (family: string, frame: TextFrame) =>
  loadTokenizer({ type: 'file', path: `${folderOf(family)}tokenizer.json` }, { contextLength, frame });

describe.each([
  ['hf-siglip', 1],
  ['open-clip-siglip2', 0],
])('%s: no start, an end, filled with id %d', (family, padId) => {
  const frame = { start: false, padId };

  test("ids are those of transformers' tokenizer", async () => {
    const tokenizer = await load(family, frame);
    for (const { text, ids } of goldensOf(family)) expect([...tokenizer.encode(text)], text).toEqual(ids);
    expect(tokenizer.startOfText).toBeUndefined();
    expect(tokenizer.endOfText).toBe(1);
    expect(tokenizer.decode(tokenizer.encode('A red CAT'))).toBe('a red cat');
  });

  test('its spec makes the same tokenizer, in a thread as well', async () => {
    const tokenizer = await load(family, frame);
    const copy = createTokenizer(structuredClone(tokenizer.spec));
    const texts = goldensOf(family).map(({ text }) => text);
    expect([...copy.encodeBatch(texts)]).toEqual(goldensOf(family).flatMap(({ ids }) => ids));
  });
});

test('without a frame nothing of it is in the spec, and the end must be the largest id', async () => {
  expect(createTokenizer({ type: 'clip', contextLength: 4 }).spec).toEqual({
    type: 'clip',
    contextLength: 4,
  });
  const path = `${folderOf('hf-siglip')}tokenizer.json`;
  await expect(loadTokenizer({ type: 'file', path }, { contextLength })).rejects.toThrow(
    /special tokens that begin and end a text/,
  );
});

test("CLIP's tokenizer takes a frame too", () => {
  const tokenizer = createTokenizer({
    type: 'clip',
    contextLength: 5,
    frame: { start: false, padId: 7 },
  });
  expect([...tokenizer.encode('a cat')]).toEqual([320, 2368, 49407, 7, 7]);
});

test('padding that is no id, or no token to end with, is refused', async () => {
  await expect(load('hf-siglip', { start: false, padId: 40 })).rejects.toThrow(
    /has 40 ids, but the text tower fills texts with id 40 \(model\.text\.padId\)\. Use the tokenizer of the weights\.$/,
  );
  const json = JSON.parse(readFileSync(`${folderOf('hf-siglip')}tokenizer.json`, 'utf8'));
  const unended = { ...json, added_tokens: json.added_tokens.filter(({ id }: { id: number }) => id !== 1) };
  expect(() =>
    createTokenizer({ type: 'json', json: unended, contextLength, frame: { start: false, padId: 0 } }),
  ).toThrow(/needs a special token that ends a text, such as <\/s>/);
});

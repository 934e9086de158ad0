import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { trainBpe } from './bpe-train.ts';
import { clipTokenizerJson, clipTokens } from './clip.ts';
import { clipMerges } from './clip-merges.ts';
import type { TokenizerJson } from './json.ts';
import { createTokenizer, type TokenizerSpec } from './tokenizer.ts';

/** Made by tests/parity/make-tokenizer-odd-goldens.py. */
const golden = JSON.parse(
  await readFile(new URL('../../../tests/parity/tokenizer-odd.golden.json', import.meta.url), 'utf8'),
) as Record<string, readonly string[]> & { readonly files: Readonly<Record<string, TokenizerJson>> };
const texts = golden.texts!;

const contextLength = 9000;

/** Texts whose ids are not the peer's. */
function differing(name: string, spec: TokenizerSpec): string[] {
  const tokenizer = createTokenizer(spec);
  return texts.filter((text, i) => {
    const row = tokenizer.encode(text);
    const ids = row.subarray(1, row.lastIndexOf(tokenizer.endOfText));
    const digest = createHash('sha256').update(ids.join(',')).digest('hex');
    return digest.slice(0, 6) !== golden[name]![i];
  });
}

function clipJson(normalizedStart: boolean) {
  const merges = clipMerges();
  const json = clipTokenizerJson(clipTokens(merges.map(([left, right]) => left + right)), merges);
  const [start, end] = json.added_tokens;
  return { ...json, added_tokens: [{ ...start!, normalized: normalizedStart }, end!] };
}

it("gives Hugging Face's ids from CLIP's tokenizer.json", () => {
  expect(texts).toHaveLength(5000);
  expect(differing('clip', { type: 'json', json: clipJson(false), contextLength })).toEqual([]);
  expect(differing('clip_normalized', { type: 'json', json: clipJson(true), contextLength })).toEqual([]);
});

it("gives Hugging Face's ids from a tokenizer that was trained here", async () => {
  const json = await trainBpe(
    texts.filter((_, i) => i % 10 === 0),
    { vocabSize: 700 },
  );
  expect(differing('trained', { type: 'json', json, contextLength })).toEqual([]);
});

/** UTF-8 read as Latin-1 inside a healthy line, which ftfy repairs. */
const DAMAGED = /[\u00c0-\u0120\u03a3](?:&nbsp;)?[\u0080-\u00bf]/i;

it("gives open_clip's ids, but for damaged spots in a healthy line", () => {
  const damaged = differing('open_clip', { type: 'clip', contextLength });
  expect(damaged.filter((text) => !DAMAGED.test(text))).toEqual([]);
  expect(damaged.length).toBeLessThan(40);
});

/** Rust's tables of punctuation are older than Node's; equal scores are added up in another order. */
const UNLIKE: Record<string, RegExp> = {
  wordpiece: /[\u061d\u2e43-\u2e5d]/,
  bpe: /[\u061d\u2e43-\u2e5d]/,
  wordlevel: /[\u061d\u2e43-\u2e5d]/,
  unigram: /\*{3}/,
};

it.each(Object.keys(golden.files))("gives Hugging Face's ids from a file of another shape: %s", (name) => {
  const wrong = differing(name, { type: 'json', json: golden.files[name]!, contextLength });
  expect(wrong.filter((text) => !UNLIKE[name]?.test(text))).toEqual([]);
  expect(wrong.length).toBeLessThan(10);
});

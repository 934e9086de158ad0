import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { trainBpe } from '../../src/data/tokenizer/bpe-train.ts';
import { createTokenizer, type Tokenizer } from '../../src/data/tokenizer/tokenizer.ts';
import { tokenizerOf } from '../../src/search-page/browser/worker/words.ts';
import { pageTokenizer } from '../../src/search-page/tokenizer-file.ts';

const TEXTS = [
  'a photo of a cat',
  '',
  '  Two   RED chairs, cafés &amp; <b>ＦＵＬＬ</b> ',
  '猫 and 👍🏽 \u202e RTL',
  'nestlÃ©®',
  '<|startoftext|> again <|endoftext|> and',
  'long '.repeat(200),
  '\ud800 alone',
];

const tokenizers: Record<string, () => Promise<Tokenizer> | Tokenizer> = {
  clip: () => createTokenizer({ type: 'clip', contextLength: 77 }),
  'without a start, filled with 1': async () =>
    createTokenizer({
      type: 'json',
      contextLength: 16,
      frame: { start: false, padId: 1 },
      json: await trainBpe(['a red cat', 'the red car'], { vocabSize: 540 }),
    }),
  bpe: async () =>
    createTokenizer({
      type: 'json',
      contextLength: 16,
      json: await trainBpe(['a red cat', 'the red car', 'cats and cafés'], { vocabSize: 540 }),
    }),
};

describe('the tokenizer of a page', () => {
  it.each(Object.entries(tokenizers))('gives the ids of the run: %s', async (_, make) => {
    const own = await make();
    const page = tokenizerOf(JSON.parse(JSON.stringify(pageTokenizer(own))));
    for (const text of TEXTS) expect(page.encode(text), text).toEqual(own.encode(text));
    expect(page.endOfText).toBe(own.endOfText);
  });
});

test('the scripts of a page use nothing of Node', () => {
  const folder = join(import.meta.dirname, '../../dist/search-page/browser');
  for (const file of readdirSync(folder)) {
    const script = readFileSync(join(folder, file), 'utf8');
    expect(script, file).not.toMatch(
      /["'`]node:|\bBuffer\b|\bprocess\.|\brequire\(|\bimport\((?!`\.\/ort\.js`)/,
    );
    expect(script.length).toBeLessThan(250_000);
  }
});

import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { CoupletError } from '../../errors.ts';
import { trainBpe } from './bpe-train.ts';
import { clipTokenizerJson, clipTokens } from './clip.ts';
import { clipMerges } from './clip-merges.ts';
import { createTokenizer, loadTokenizer, type Tokenizer, tokenizerConfigSchema } from './tokenizer.ts';

/** CLIP's tokenizer as a tokenizer.json. */
function clipJson() {
  const merges = clipMerges();
  return clipTokenizerJson(clipTokens(merges.map(([left, right]) => left + right)), merges);
}

interface Golden {
  readonly group: string;
  readonly text: string;
  readonly ids: readonly number[];
}

/** Made by tests/parity/make-tokenizer-goldens.py. */
const goldens = JSON.parse(
  await readFile(new URL('../../../tests/parity/tokenizer.golden.json', import.meta.url), 'utf8'),
) as Golden[];

/** Damaged text that only ftfy or only we repair: see docs/data.md. */
const DIFFERENT = new Set([
  'voilÃ le travail', // a no-break space became a space
  'Ã la mode',
  '&macr;\\_(ã\x83\x84)_/&macr;', // a damaged spot in a healthy line
  'cafÃ© and 猫',
  'MÃ¡s 漢',
  'â€œ like this â€\ufffd', // a letter was lost
  'Рўest РїСЂРёРІРµС‚', // other code pages
  'РџСЂРёРІРµС‚',
  'a-√©',
  'vÄ›c', // one pair alone is no proof to us
  'Ä°',
]);

let clip: Tokenizer;
beforeAll(() => {
  clip = createTokenizer({ type: 'clip', contextLength: 77 });
});

describe("CLIP's tokenizer", () => {
  it('has the vocabulary of CLIP', () => {
    expect(clip).toMatchObject({ vocabSize: 49408, startOfText: 49406, endOfText: 49407, contextLength: 77 });
  });

  it.each([...new Set(goldens.map((golden) => golden.group))])('gives the ids of open_clip: %s', (group) => {
    const members = goldens.filter((golden) => golden.group === group);
    const wrong = members.filter(({ text, ids }) => {
      const got = Array.from(clip.encode(text));
      const expected = [...ids, ...new Array(77 - ids.length).fill(0)];
      return JSON.stringify(got) !== JSON.stringify(expected);
    });
    expect(new Set(wrong.map((golden) => golden.text))).toEqual(
      new Set(members.map((golden) => golden.text).filter((text) => DIFFERENT.has(text))),
    );
  });

  it('cuts a long text so that the end is the last id', () => {
    const ids = createTokenizer({ type: 'clip', contextLength: 5 }).encode('a photo of a cat');
    expect(Array.from(ids)).toEqual([49406, ...clip.encode('a photo of').slice(1, 4), 49407]);
  });

  it('takes any text, and fills the row with ids below the vocabulary', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const ids = clip.encode(text);
        const end = ids.indexOf(clip.endOfText);
        expect(ids.length).toBe(77);
        expect(ids[0]).toBe(clip.startOfText);
        expect(end).toBeGreaterThan(0);
        expect(ids.subarray(end + 1).every((id) => id === 0)).toBe(true);
        expect(ids.every((id) => id >= 0 && id < clip.vocabSize)).toBe(true);
      }),
    );
  });

  it('decodes what it encoded', () => {
    expect(clip.decode(clip.encode('A  Photo of the café 漢字 👍🏽!'))).toBe(
      'a photo of the café 漢字 👍🏽!',
    );
  });

  it('encodes a batch row after row', () => {
    const rows = clip.encodeBatch(['a cat', 'two dogs']);
    expect(rows).toEqual(Int32Array.of(...clip.encode('a cat'), ...clip.encode('two dogs')));
  });

  it.each([
    ['letters without a space', 'ab漢'.repeat(100_000)],
    ['spaces', `é${' '.repeat(300_000)}é`],
    ['ampersands', '&'.repeat(200_000)],
    ['nested entities', `&${'amp;'.repeat(50_000)}`],
    ['escape characters', '\x1b['.repeat(100_000)],
  ])('takes a hostile text of %s in a short time', (_, text) => {
    const start = process.cpuUsage(); // a busy machine does not change it
    clip.encode(text);
    const { user, system } = process.cpuUsage(start);
    expect(user + system).toBeLessThan(5e6);
  });
});

const captions = [
  'a red cat',
  'a red car',
  'the red cat and the black cat',
  'cats, cars & cafés',
  '猫 and a cat',
];

describe('a byte-level BPE trained on captions', () => {
  it('learns the merges that a count by hand gives', async () => {
    // a+b</w> occurs 3 times; a+b and b+c</w> once, less than minCount.
    const { model } = await trainBpe(['ab ab ab abc'], { vocabSize: 600 });
    expect(model.merges).toEqual(['a b</w>']);
    // A tie of a+a and a+b</w>: the smaller ids first (a is 64, b</w> is 321).
    expect((await trainBpe(['aab aab'], { vocabSize: 600 })).model.merges).toEqual(['a a', 'aa b</w>']);
  });

  it('gives the merges of the plain algorithm that counts anew each time', async () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(fc.array(letters, { minLength: 1, maxLength: 20 }), async (words) => {
        const { model } = await trainBpe(words, { vocabSize: 530 });
        expect(model.merges).toEqual(plainMerges(words, { limit: 16, vocab: model.vocab }));
      }),
    );
  });

  it('ends its vocabulary with the two special tokens, and its arg max is the end', async () => {
    const json = await trainBpe(captions, { vocabSize: 540 });
    const tokenizer = createTokenizer({ type: 'json', json, contextLength: 64 });
    const ids = tokenizer.encode('the black cat');
    expect(Object.keys(json.model.vocab).length).toBe(tokenizer.vocabSize);
    expect(tokenizer.startOfText).toBe(tokenizer.vocabSize - 2);
    expect(ids.indexOf(Math.max(...ids))).toBe(ids.indexOf(tokenizer.endOfText));
    expect(tokenizer.decode(tokenizer.encode('The  BLACK cafés 👍🏽'))).toBe('the black cafés 👍🏽');
  });

  it('refuses captions without a word, and a vocabulary that does not hold the bytes', async () => {
    await expect(trainBpe(['  ', ''], { vocabSize: 600 })).rejects.toThrow(/hold no word/);
    await expect(trainBpe(['a'], { vocabSize: 513 })).rejects.toThrow(/at least 514 .* got 513/);
  });
});

function plainMerges(
  words: readonly string[],
  { limit, vocab }: { limit: number; vocab: Record<string, number> },
) {
  let split = words.map((word) => [...word.slice(0, -1), `${word.at(-1)}</w>`]);
  const merges: string[] = [];
  const size = new Set(Object.keys(vocab).slice(0, 512));
  while (size.size < 512 + limit) {
    const counts = new Map<string, number>();
    for (const ids of split) {
      for (let i = 0; i + 1 < ids.length; i++)
        counts.set(`${ids[i]} ${ids[i + 1]}`, 1 + (counts.get(`${ids[i]} ${ids[i + 1]}`) ?? 0));
    }
    const order = (pair: string) =>
      pair.split(' ').map((token) => vocab[token] as number) as [number, number];
    const best = [...counts].sort(
      ([a, n], [b, m]) => m - n || order(a)[0] - order(b)[0] || order(a)[1] - order(b)[1],
    )[0];
    if (!best || best[1] < 2) break;
    if (!merges.includes(best[0])) merges.push(best[0]);
    size.add(best[0].replace(' ', ''));
    split = split.map((ids) => {
      const out: string[] = [];
      for (let i = 0; i < ids.length; i++)
        out.push(`${ids[i]} ${ids[i + 1]}` === best[0] ? `${ids[i]}${ids[++i]}` : (ids[i] as string));
      return out;
    });
  }
  return merges;
}

describe('loadTokenizer', () => {
  it('checks its config', () => {
    expect(tokenizerConfigSchema.parse({ type: 'bpe' })).toEqual({ type: 'bpe', vocabSize: 4096 });
    expect(tokenizerConfigSchema.safeParse({ type: 'clip', path: 'x' }).success).toBe(false);
  });

  it('learns once, keeps the result, and finds it again without captions', async () => {
    const cachePath = join(await mkdtemp(join(tmpdir(), 'couplet-')), 'tokenizer.json');
    const config = { type: 'bpe', vocabSize: 540 } as const;
    const first = await loadTokenizer(config, { contextLength: 8, captions, cachePath });
    const again = await loadTokenizer(config, { contextLength: 8, cachePath });
    expect(again.encode('the red cat')).toEqual(first.encode('the red cat'));
    const file = await loadTokenizer({ type: 'file', path: cachePath }, { contextLength: 8 });
    expect(file.vocabSize).toBe(first.vocabSize);
    expect(createTokenizer(structuredClone(first.spec)).encode('a car')).toEqual(first.encode('a car'));
  });

  it('refuses what cannot serve, with the path and a way out', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'couplet-')), 'tokenizer.json');
    const load = () => loadTokenizer({ type: 'file', path }, { contextLength: 8 });
    await expect(load()).rejects.toThrow(CoupletError);
    await writeFile(path, '{"version": "1.0"');
    await expect(load()).rejects.toThrow(path);
    await writeFile(path, '{"version": "1.0"}');
    await expect(load()).rejects.toThrow(/added_tokens/);
    const json = clipJson();
    await writeFile(path, JSON.stringify({ ...json, added_tokens: json.added_tokens.slice(0, 1) }));
    await expect(load()).rejects.toThrow(/begin and end a text/);
    const damaged = { ...json, model: { ...json.model, merges: ['nosuch token'] } };
    await writeFile(path, JSON.stringify(damaged));
    await expect(load()).rejects.toThrow(/'nosuch'/);
    await expect(loadTokenizer({ type: 'bpe', vocabSize: 600 }, { contextLength: 8 })).rejects.toThrow(
      /captions/,
    );
    expect(() => createTokenizer({ type: 'clip', contextLength: 1 })).toThrow(/at least 2/);
  });
});

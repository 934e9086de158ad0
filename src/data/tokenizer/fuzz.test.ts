import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { CoupletError } from '../../errors.ts';
import { trainBpe } from './bpe-train.ts';
import { createTokenizer, loadTokenizer } from './tokenizer.ts';

type Json = Record<string, unknown>;

/** Small files of seven shapes, as Hugging Face and Couplet write them. */
const { files } = JSON.parse(
  await readFile(new URL('../../../tests/parity/tokenizer-odd.golden.json', import.meta.url), 'utf8'),
) as { files: Record<string, Json> };
const own = JSON.parse(JSON.stringify(await trainBpe(['a cat and a car'], { vocabSize: 530 }))) as Json;
const shapes = [own, ...Object.values(files)];
const path = join(await mkdtemp(join(tmpdir(), 'couplet-')), 'tokenizer.json');

const EVIL = '^(([a-z])+.)+[A-Z]([a-z])+$';
const TEXT = `A photo of the café's ${'a'.repeat(40)}! ${' '.repeat(60)}ΟΔΟΣ 12\ud800 <|endoftext|>[SEP]漢`;

/** Whether the file was taken. Anything but a sentence that names it fails. */
async function take(content: string): Promise<boolean> {
  await writeFile(path, content);
  try {
    const tokenizer = await loadTokenizer({ type: 'file', path }, { contextLength: 64 });
    const ids = tokenizer.encode(TEXT);
    expect(ids.every((id) => id >= 0 && id < tokenizer.vocabSize)).toBe(true);
    expect(ids[0]).toBe(tokenizer.startOfText);
    expect(ids).toContain(tokenizer.endOfText);
    expect(createTokenizer(structuredClone(tokenizer.spec)).encode(TEXT)).toEqual(ids);
    tokenizer.decode(ids);
    return true;
  } catch (error) {
    if (!(error instanceof CoupletError)) throw error;
    expect(error.message).toMatch(/tokenizer/);
    expect(error.message.length).toBeLessThan(2000);
    return false;
  }
}

const odd = fc.oneof(
  fc.constantFrom<unknown>(null, '', [], {}, true, -1, 0.5, 1e308, 4294967294, 2 ** 53, 'Foo', '__proto__', [
    [],
  ]),
  fc.constantFrom<unknown>(
    EVIL,
    '(a+)+b',
    '\\',
    '[',
    '$&',
    { Regex: EVIL },
    { Regex: '\\s*a' },
    { String: '' },
  ),
  fc.constantFrom<unknown>(
    { type: 'Nmt' },
    { type: 'Sequence' },
    { type: 'Replace', pattern: { Regex: '.*' } },
  ),
  fc.string({ unit: 'binary', maxLength: 5 }),
  fc.integer(),
);

interface Damage {
  readonly where: readonly number[];
  readonly kind: 'set' | 'remove' | 'double' | 'rename';
  readonly value: unknown;
}

/** Walks from key to key by `where`, and damages what it comes to. */
function damaged(json: Json, { where, kind, value }: Damage): Json {
  const copy = structuredClone(json);
  let at: Json = copy;
  let keys = Object.keys(at);
  let key = '';
  for (const step of where) {
    key = keys[step % keys.length] as string;
    const below = at[key];
    if (below === null || typeof below !== 'object' || Object.keys(below).length === 0) break;
    if (step === where.at(-1)) break;
    at = below as Json;
    keys = Object.keys(at);
    key = keys[0] as string;
  }
  if (kind === 'set') at[key] = value;
  else if (kind === 'remove') delete at[key];
  else if (kind === 'rename') at[`${String(value)}x`] = at[key];
  else if (Array.isArray(at)) at.push(at[Number(key)]);
  return copy;
}

const damage = fc.record<Damage>({
  where: fc.array(fc.nat(1000), { minLength: 1, maxLength: 5 }),
  kind: fc.constantFrom('set', 'set', 'remove', 'double', 'rename'),
  value: odd,
});

/** COUPLET_FUZZ_RUNS=5000 for a long search. */
const numRuns = Number(process.env.COUPLET_FUZZ_RUNS ?? 150);

describe('a tokenizer.json', () => {
  test('of each shape is taken', async () => {
    for (const json of shapes) expect(await take(JSON.stringify(json))).toBe(true);
  });

  test('that is damaged is taken with valid ids, or refused by a sentence', async () => {
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...shapes),
        fc.array(damage, { minLength: 1, maxLength: 3 }),
        async (json, all) => {
          if (await take(JSON.stringify(all.reduce(damaged, json)))) taken++;
        },
      ),
      { numRuns, seed: 17 },
    );
    expect(taken).toBeLessThan(numRuns);
  });

  test('whose text is cut or has wrong letters is refused, or taken with valid ids', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...shapes),
        fc.nat(),
        fc.string({ unit: 'binary', maxLength: 3 }),
        async (json, at, text) => {
          const whole = JSON.stringify(json);
          const cut = at % whole.length;
          await take(whole.slice(0, cut));
          await take(whole.slice(0, cut) + text + whole.slice(cut + text.length));
        },
      ),
      { numRuns: Math.ceil(numRuns / 5), seed: 17 },
    );
  });

  const normalizer = (Regex: string) => ({ type: 'Replace', pattern: { Regex }, content: '' });
  const vocab = (own.model as { vocab: Record<string, unknown> }).vocab;
  const model = (change: Json) => JSON.stringify({ ...own, model: { ...(own.model as Json), ...change } });
  it.each<[string, string, RegExp]>([
    ['nothing', '', /empty/],
    ['half a file', JSON.stringify(own).slice(0, 999), /not JSON/],
    ['another file', '{"a":1}', /added_tokens is missing/],
    ['a nesting of 3,000', `${'['.repeat(3000)}${']'.repeat(3000)}`, /levels deep/],
    ['a nesting inside', `{"model":${'{"a":'.repeat(3000)}1${'}'.repeat(3001)}`, /levels deep/],
    [
      'an unknown normalizer',
      JSON.stringify({ ...own, normalizer: { type: 'Foo' } }),
      /normalizer\.type: .*'Foo'/,
    ],
    ['no pre_tokenizer', JSON.stringify({ ...own, pre_tokenizer: undefined }), /pre_tokenizer is missing/],
    [
      'a pattern that backtracks',
      JSON.stringify({ ...own, normalizer: normalizer(EVIL) }),
      /normalizer\.pattern\.Regex/,
    ],
    [
      'a square pattern',
      JSON.stringify({ ...own, normalizer: normalizer('\\s*x') }),
      /normalizer\.pattern\.Regex/,
    ],
    ['a hole in vocab', model({ vocab: { ...vocab, a: 600 } }), /model\.vocab\['a'\] is 600/],
    ['id -1', model({ vocab: { ...vocab, a: -1 } }), /model\.vocab\['a'\] is -1/],
    ['id 4294967294', model({ vocab: { ...vocab, a: 4294967294 } }), /is 4294967294/],
    ['an id twice', model({ vocab: { ...vocab, a: 5 } }), /is 5, which '&' is too/],
    ['a merge of unknown tokens', model({ merges: ['q zz'] }), /model\.merges\.0 needs the token 'zz'/],
    [
      'a merge of three tokens',
      model({ merges: [['a', 'b', 'c']] }),
      /model\.merges\.0: expected two tokens/,
    ],
    ['ids drawn by lot', model({ dropout: 0.1 }), /model\.dropout/],
    [
      'a million wrong merges',
      model({ merges: new Array(1e6).fill(3) }),
      /model\.merges\.0: expected two tokens/,
    ],
    [
      'too many added tokens',
      JSON.stringify({ ...own, added_tokens: new Array(1e5).fill(3) }),
      /added_tokens/,
    ],
  ])('with %s is refused by a sentence', async (_, content, message) => {
    await writeFile(path, content);
    const loading = loadTokenizer({ type: 'file', path }, { contextLength: 8 });
    await expect(loading).rejects.toThrow(CoupletError);
    await expect(loading).rejects.toThrow(message);
  });

  test('may start with a byte order mark, and write merges as pairs', async () => {
    expect(await take(`\ufeff${JSON.stringify(own)}`)).toBe(true);
    expect(await take(model({ merges: [['c', 'a']], vocab }))).toBe('ca' in vocab);
  });
});

describe('odd captions', () => {
  const MEGABYTE = numRuns < 1000 ? 2 ** 18 : 2 ** 20; // a quarter in the short run
  const LONG: [string, string][] = [
    ['one letter', 'x'.repeat(MEGABYTE)],
    ['marks', "!'".repeat(MEGABYTE / 2)],
    ['combining marks', `e${'\u0301'.repeat(MEGABYTE / 2)}`],
    ['lone surrogates', '\ud800 '.repeat(MEGABYTE / 4)],
    ['ends of text', '<|endoftext|>'.repeat(MEGABYTE / 13)],
  ];

  it.each(LONG)('of a megabyte are encoded in a short time: %s', (_, text) => {
    for (const json of shapes) {
      const tokenizer = createTokenizer({ type: 'json', json: json as never, contextLength: 16 });
      const start = process.cpuUsage(); // a busy machine does not change it
      expect(tokenizer.encode(text)).toHaveLength(16);
      const { user, system } = process.cpuUsage(start);
      expect(user + system).toBeLessThan(20e6);
    }
  });

  it('train a tokenizer, or a sentence says that they hold no word', async () => {
    const captions = [
      '',
      ' ',
      '\x1c',
      'x',
      '\ud800',
      '\u0301',
      ...LONG.map(([, text]) => text.slice(0, MEGABYTE)),
    ];
    const json = await trainBpe(captions, { vocabSize: 560 });
    const tokenizer = createTokenizer({ type: 'json', json, contextLength: 16 });
    expect(tokenizer.decode(tokenizer.encode('a cat'))).toBe('a cat');
    for (const caption of ['', ' ', '\n\u3000']) {
      await expect(trainBpe([caption], { vocabSize: 560 })).rejects.toThrow(/hold no word/);
    }
  });
});

import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';
import { pairOf } from './bpe.ts';
import { shortList } from './short-list.ts';

/** Ids by token, checked in json.ts. `z.record` would leave out a token called `__proto__`. */
const vocabSchema = z.custom<Readonly<Record<string, number>>>(
  (value) => value !== null && typeof value === 'object' && !Array.isArray(value),
  'expected an object of ids by token',
);

/** Checked in json.ts: zod makes an error of each wrong item, of which there could be millions. */
const listSchema = <T>() => z.custom<readonly T[]>((value) => Array.isArray(value), 'expected an array');

const never = (what: string) => z.union([z.literal(''), z.null()], `must be null: ${what}`).optional();

/** `model` of a tokenizer.json. */
export const modelSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('BPE'),
    vocab: vocabSchema,
    merges: listSchema<string | readonly [string, string]>(),
    unk_token: z.string().nullish(),
    end_of_word_suffix: z.string().nullish(),
    fuse_unk: z.boolean().default(false),
    byte_fallback: z.boolean().default(false),
    ignore_merges: z.boolean().default(false),
    dropout: z
      .union([z.literal(0), z.null()], 'must be null: ids that are drawn by lot differ each time')
      .optional(),
    continuing_subword_prefix: never('Couplet reads no BPE with a mark at the start of later parts'),
  }),
  z.object({
    type: z.literal('WordPiece'),
    vocab: vocabSchema,
    unk_token: z.string(),
    continuing_subword_prefix: z.string(),
    max_input_chars_per_word: z.int().min(0).max(1000),
  }),
  z.object({ type: z.literal('WordLevel'), vocab: vocabSchema, unk_token: z.string() }),
  z.object({
    type: z.literal('Unigram'),
    vocab: listSchema<readonly [string, number]>(),
    unk_id: z.int().min(0),
    byte_fallback: z.literal(false, 'must be false: Couplet reads no Unigram with bytes').default(false),
  }),
]);
type ModelJson = z.output<typeof modelSchema>;

const literal = z.object({ String: z.string().min(1) });
const simpleDecoders = [
  z.object({ type: z.literal('ByteLevel') }),
  z.object({ type: z.literal('ByteFallback') }),
  z.object({ type: z.literal('Fuse') }),
  z.object({ type: z.literal('BPEDecoder'), suffix: z.string() }),
  z.object({ type: z.literal('WordPiece'), prefix: z.string(), cleanup: z.boolean() }),
  z.object({ type: z.literal('Metaspace'), replacement: z.string() }),
  z.object({ type: z.literal('Replace'), pattern: literal, content: z.string() }),
  z.object({ type: z.literal('Strip'), content: z.string(), start: z.int(), stop: z.int() }),
] as const;

/** `decoder` of a tokenizer.json. */
export const decoderSchema = z
  .discriminatedUnion('type', [
    ...simpleDecoders,
    z.object({
      type: z.literal('Sequence'),
      decoders: shortList(z.discriminatedUnion('type', simpleDecoders)),
    }),
  ])
  .nullable();
type DecoderJson = z.output<typeof decoderSchema>;

interface Model {
  encodeWord(word: string): number[];
  decode(ids: number[]): string;
}

interface ModelParts {
  readonly model: ModelJson;
  readonly decoder: DecoderJson;
  readonly added_tokens: readonly { id: number; content: string }[];
}

/** In letters. The library's time and stack grow with a word; the context is full long before. */
const LONGEST_WORD = 10_000;

/** By Hugging Face's library for JavaScript. Its normalizers and pre-tokenizers differ from those in Rust, so it gets whole words. */
export function makeModel({ model, decoder, added_tokens }: ModelParts, tokens: readonly string[]): Model {
  const library = new HuggingFaceTokenizer(
    {
      model: model.type === 'BPE' ? { ...model, merges: model.merges.map(pairOf) } : model,
      decoder: literalContent(decoder),
      added_tokens,
      normalizer: null,
      pre_tokenizer: null,
      post_processor: null,
    },
    {},
  );
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const unknown = model.type === 'Unigram' ? model.unk_id : ids.get(model.unk_token ?? '');
  // One word at a time: unknown tokens are fused inside a word only.
  const cut = (word: string): string[] => (model.type === 'WordLevel' ? [word] : library.model!([word]));
  return {
    encodeWord: (word) =>
      cut(word.slice(0, LONGEST_WORD))
        .map((token) => ids.get(token) ?? unknown)
        .filter((id) => id !== undefined),
    decode: (all) =>
      all.length === 0
        ? ''
        : library.decode(all, { skip_special_tokens: true, clean_up_tokenization_spaces: false }),
  };
}

/** The library hands `content` to replaceAll, to which `$&` is more than text. */
function literalContent<T extends DecoderJson>(decoder: T): T {
  if (decoder?.type === 'Sequence') return { ...decoder, decoders: decoder.decoders.map(literalContent) };
  if (decoder?.type !== 'Replace') return decoder;
  return { ...decoder, content: decoder.content.replaceAll('$', '$$$$') };
}

import { z } from 'zod';
import { CoupletError } from '../../errors.ts';
import { checkJson } from '../../io/json-file.ts';
import { show } from '../../io/schema-problems.ts';
import { addedTokenSchema } from './added-tokens.ts';
import { pairOf } from './bpe.ts';
import { END_OF_TEXT, START_OF_TEXT } from './clip.ts';
import { decoderSchema, modelSchema } from './model.ts';
import { normalizerSchema } from './normalizer.ts';
import { preTokenizerSchema } from './pre-tokenizer.ts';
import { shortList } from './short-list.ts';

const jsonSchema = z.object({
  added_tokens: shortList(addedTokenSchema),
  normalizer: normalizerSchema,
  pre_tokenizer: preTokenizerSchema,
  decoder: decoderSchema,
  model: modelSchema,
});

/** A Hugging Face `tokenizer.json`, unchecked. */
export interface TokenizerJson {
  readonly added_tokens: readonly { readonly id: number; readonly content: string }[];
  readonly model: { readonly vocab: unknown; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}
/** What Couplet reads of it: it frames and cuts by itself. */
export type CheckedJson = z.output<typeof jsonSchema>;

const MOST_TOKENS = 2 ** 24;

type Refuse = (what: string) => never;

/**
 * Checks each value that decides the ids.
 * @param path for the errors
 * @returns with `tokens` in the order of their ids
 * @throws CoupletError that names `path` and the key
 */
export function parseTokenizerJson(
  json: unknown,
  path: string,
): { readonly checked: CheckedJson; readonly tokens: readonly string[] } {
  const todo =
    "Make it again with save_pretrained() of transformers, or use { type: 'clip' } or { type: 'bpe' }.";
  const checked = checkJson(json, jsonSchema, { where: path, todo });
  const refuse: Refuse = (what) => {
    throw new CoupletError(`${path}: ${what}. ${todo}`);
  };
  return { checked, tokens: checkTokens(checked, refuse) };
}

/** Ids are 0 to n - 1, since each is a row of the model's table. */
function checkTokens({ model, added_tokens }: CheckedJson, refuse: Refuse): string[] {
  const entries =
    model.type === 'Unigram' ? unigramEntries(model.vocab, refuse) : Object.entries(model.vocab);
  if (entries.length > MOST_TOKENS) refuse(`model.vocab has more than ${MOST_TOKENS} tokens`);
  const tokens = tokensById(entries, refuse);
  const ids = new Map(entries);
  if (ids.size < entries.length) refuse('model.vocab has a token twice');
  checkUses(model, { ids, refuse });
  addTokens(added_tokens, { tokens, ids, refuse });
  return tokens;
}

function tokensById(entries: readonly [string, number][], refuse: Refuse): string[] {
  const tokens: string[] = [];
  for (const [token, id] of entries) {
    const key = `model.vocab[${show(token)}]`;
    if (!Number.isInteger(id) || id < 0 || id >= entries.length) {
      refuse(
        `${key} is ${show(id)}, with ${entries.length} tokens: expected whole numbers from 0 to ${entries.length - 1} without a gap`,
      );
    }
    if (tokens[id] !== undefined) refuse(`${key} is ${id}, which ${show(tokens[id])} is too`);
    tokens[id] = token;
  }
  return tokens;
}

function unigramEntries(vocab: readonly unknown[], refuse: Refuse): [string, number][] {
  return vocab.map((entry, id) => {
    const [token, score] = Array.isArray(entry) ? entry : [];
    if (typeof token === 'string' && Number.isFinite(score)) return [token, id];
    return refuse(`model.vocab.${id}: expected a token and its score, got ${show(entry)}`);
  });
}

/** What merges and the unknown token name must be in the vocabulary. */
function checkUses(
  model: CheckedJson['model'],
  { ids, refuse }: { ids: ReadonlyMap<string, number>; refuse: Refuse },
): void {
  if (model.type === 'Unigram') {
    if (model.unk_id >= ids.size) refuse(`model.unk_id is ${model.unk_id}, beyond the ${ids.size} tokens`);
    return;
  }
  const unknown = model.unk_token ?? undefined;
  if (unknown !== undefined && !ids.has(unknown)) {
    refuse(`model.unk_token ${show(unknown)} is not in model.vocab`);
  }
  if (model.type !== 'BPE') return;
  Array.from(model.merges).forEach((merge, i) => {
    const [left, right] =
      pairOf(merge) ??
      refuse(`model.merges.${i}: expected two tokens, as "a b" or ["a", "b"], got ${show(merge)}`);
    const missing = [left, right, left + right].find((token) => !ids.has(token));
    if (missing !== undefined)
      refuse(`model.merges.${i} needs the token ${show(missing)}, which is not in model.vocab`);
  });
}

/** Hugging Face gives an added token its id in the vocabulary, or the next one; the file must agree. */
function addTokens(
  added: CheckedJson['added_tokens'],
  { tokens, ids, refuse }: { tokens: string[]; ids: ReadonlyMap<string, number>; refuse: Refuse },
): void {
  const seen = new Set<string>();
  added.forEach(({ id, content }, i) => {
    const expected = ids.get(content) ?? tokens.length;
    const why = ids.has(content) ? 'its id in model.vocab' : 'the next id';
    if (seen.has(content)) refuse(`added_tokens.${i}.content ${show(content)} is there twice`);
    if (id !== expected) refuse(`added_tokens.${i}.id is ${show(id)}: expected ${expected}, ${why}`);
    if (id === tokens.length) tokens.push(content);
    seen.add(content);
  });
}

const START_NAMES = [START_OF_TEXT, '<start_of_text>', '<|im_start|>', '<s>', '[CLS]'];
const END_NAMES = [END_OF_TEXT, '<end_of_text>', '<|im_end|>', '</s>', '[SEP]', '<eos>'];

/** Of the first of these names that is there. */
const addedId = ({ added_tokens: added }: CheckedJson, names: readonly string[]) =>
  names.map((name) => added.find((token) => token.content === name)?.id).find((id) => id !== undefined);

/** @throws CoupletError when there is no token that ends a text */
export function endId(json: CheckedJson): number {
  const id = addedId(json, END_NAMES);
  if (id !== undefined) return id;
  throw new CoupletError(
    `The tokenizer needs a special token that ends a text, such as </s>; it has ${JSON.stringify(json.added_tokens.slice(0, 10).map((t) => t.content))}. Add it to its added_tokens.`,
  );
}

/** @throws CoupletError when one is missing, or the end is not the largest id */
export function specialIds(json: CheckedJson, vocabSize: number): { startOfText: number; endOfText: number } {
  const [startOfText, endOfText] = [addedId(json, START_NAMES), addedId(json, END_NAMES)];
  if (startOfText === undefined || endOfText === undefined) {
    throw new CoupletError(
      `The tokenizer needs special tokens that begin and end a text, such as ${START_OF_TEXT} and ${END_OF_TEXT}; it has ${JSON.stringify(json.added_tokens.slice(0, 10).map((t) => t.content))}. Add them to its added_tokens.`,
    );
  }
  if (endOfText !== vocabSize - 1) {
    throw new CoupletError(
      `The tokenizer's end-of-text token must have the largest id, because the text tower pools where the id is largest: expected ${vocabSize - 1}, it has ${endOfText}. Use CLIP's tokenizer or { type: 'bpe' }.`,
    );
  }
  return { startOfText, endOfText };
}

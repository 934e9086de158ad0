import { clipEncoder, frameEncoder } from '../../../data/tokenizer/encoder.ts';
import type { CheckedJson } from '../../../data/tokenizer/json.ts';
import { makeJsonEncoder } from '../../../data/tokenizer/json-encoder.ts';
import type { Tokenizer } from '../../../data/tokenizer/tokenizer.ts';
import type { PageTokenizer } from '../../layout.ts';

/** Couplet's tokenizer, of the same code. */
export function tokenizerOf(file: PageTokenizer): Tokenizer {
  const { contextLength, frame } = file;
  const shared = { contextLength, ...(frame && { frame }) };
  if (file.type === 'clip') return frameEncoder(clipEncoder(file.merges), { type: 'clip', ...shared });
  const { startOfText, endOfText, json } = file;
  const tokens = tokensOf(json);
  const special = { ...(startOfText !== undefined && { startOfText }), endOfText, vocabSize: tokens.length };
  return frameEncoder({ ...special, ...makeJsonEncoder(json, tokens) }, { type: 'json', json, ...shared });
}

/** In the order of their ids. */
function tokensOf({ model, added_tokens }: CheckedJson): string[] {
  const tokens =
    model.type === 'Unigram' ? model.vocab.map((entry) => (entry as [string, number])[0]) : byId(model.vocab);
  for (const { id, content } of added_tokens) tokens[id] = content;
  return tokens;
}

function byId(vocab: Readonly<Record<string, number>>): string[] {
  const tokens: string[] = [];
  for (const [token, id] of Object.entries(vocab)) tokens[id] = token;
  return tokens;
}

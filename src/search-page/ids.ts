import type { Tokenizer } from '../data/tokenizer/tokenizer.ts';

/** [L] ids of a text as its tower takes them. @param cut after the end of the text */
export function idsOf(text: string, tokenizer: Tokenizer, cut: boolean): BigInt64Array<ArrayBuffer> {
  const ids = tokenizer.encode(text);
  const end = ids.indexOf(tokenizer.endOfText);
  return BigInt64Array.from(cut ? ids.subarray(0, end + 1) : ids, BigInt);
}

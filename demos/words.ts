/** Share, 0 to 1, of the words of `texts` that occur in `known`. */
export function shareOfWordsIn(known: string[], texts: string[]): number {
  const wordsOf = (text: string) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const vocabulary = new Set(known.flatMap(wordsOf));
  const words = texts.flatMap(wordsOf);
  return words.filter((word) => vocabulary.has(word)).length / words.length;
}

import { hashFraction } from '../hash-fraction.ts';
import type { Emoji } from './emoji.ts';

type Words = Pick<Emoji, 'hexcode' | 'label' | 'tags' | 'kind'>;

/** What a held-out picture is searched by: all that people call it. */
export const queryOf = ({ label, tags }: Words): string => [label, ...tags].join(', ');

/**
 * One of many captions of one emoji, the same on every run. A model that sees "violin" only as a violin's name learns
 * nothing about trumpets; what carries over are the shared words, such as "instrument". So each picture is written
 * several times, each time with other words: the label (three times in four), its kind (every second time), and some tags.
 */
export function captionOf(words: Words, variant: number): string {
  const chance = (what: string) => hashFraction(`${words.hexcode} ${variant} ${what}`);
  const label = chance('label') < 0.75 ? [words.label] : [];
  const kind = chance('kind') < 0.5 ? [words.kind] : [];
  const share = 0.3 + 0.7 * chance('share');
  const tags = words.tags.filter((tag) => chance(tag) < share);
  const parts = shuffled([...label, ...kind, ...tags], chance);
  return parts.length ? parts.join(', ') : words.label;
}

const shuffled = (parts: string[], chance: (what: string) => number): string[] =>
  parts.toSorted((a, b) => chance(`place ${a}`) - chance(`place ${b}`));

import { hashFraction } from '../hash-fraction.ts';
import type { Icon } from './icon.ts';

/**
 * Most words, digits and commas of a caption. A tokenizer of 4,096 ids that is learnt on these captions makes 1.1 tokens
 * of each, 1.5 of rare words, and a context of 32 has room for 30.
 */
const MOST_PIECES = 18;
const piecesOf = (text: string): number => (text.match(/\p{L}+|\p{N}|[^\s\p{L}\p{N}]/gu) ?? []).length;

type Words = Pick<Icon, 'pack' | 'id' | 'name' | 'style' | 'tags' | 'brand'>;

/** Ways to name a drawing. Which one, a hash of its key decides, so that a caption is no mark of a pack. */
const PHRASES: ((name: string, style: string) => string)[] = [
  (name, style) => (style ? `${name}, ${style}` : name),
  (name, style) => `${style} ${name}`,
  (name, style) => `${style} ${name} icon`,
  (name, style) => (style ? `icon of ${name}, ${style}` : `icon of ${name}`),
];

/**
 * The caption of one drawing for training, the same on every run: its name, its style (an outline is mentioned every
 * second time, since that is what icons are), and some of its tags.
 */
export function captionOf(icon: Words): string {
  const chance = (what: string) => hashFraction(`${icon.pack} ${icon.id} ${icon.style} ${what}`);
  const style = icon.style === 'outline' && chance('style') < 0.5 ? '' : icon.style;
  const phrase = PHRASES[Math.floor(chance('phrase') * PHRASES.length)]!;
  const start = phrase(icon.brand ? logoOf(icon.name) : icon.name, style).trim();
  const share = 0.3 + 0.7 * chance('share');
  const tags = telling(icon).filter((tag) => chance(`tag ${tag}`) < share);
  return fitted([start, ...tags.toSorted((a, b) => chance(`place ${a}`) - chance(`place ${b}`))]);
}

const logoOf = (brand: string): string => (brand.endsWith(' logo') ? brand : `${brand} logo`);

/** What a drawing of the held-out pack is searched by: its name, then its aliases and tags in their order. */
export const queryOf = (icon: Words): string => fitted([icon.name, ...telling(icon)]);

/** Tags that say something which the name and the tags before do not. */
function telling({ name, tags }: Words): string[] {
  const said = new Set([name, ...name.split(' ')]);
  return tags.filter((tag) => {
    const isNew = tag !== '' && !said.has(tag);
    said.add(tag);
    return isNew;
  });
}

/** The first part, and of the others those for which there is room. */
function fitted([start, ...others]: string[]): string {
  let caption = start!;
  for (const part of others) {
    const longer = `${caption}, ${part}`;
    if (piecesOf(longer) <= MOST_PIECES) caption = longer;
  }
  return caption;
}

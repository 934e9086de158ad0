import { describe, expect, it } from 'vitest';
import { captionOf, queryOf } from './captions.ts';
import { nameKey, withoutVersions, wordsOf } from './icon.ts';

const bell = {
  ...{ pack: 'tabler', id: 'bell-plus', name: 'bell plus', style: 'filled' as const, brand: false },
  tags: ['alarm', 'bell', 'add a bell', 'alarm', ''],
};
const pieces = (text: string) => text.match(/\p{L}+|\p{N}|[^\s\p{L}\p{N}]/gu)!.length;

describe('names', () => {
  it('are words', () => {
    expect(wordsOf('Food_Apple-2 / Ünder')).toBe('food apple 2 ünder');
  });

  it('are the same thing in any order, and without words for versions', () => {
    expect(nameKey('clock-alarm')).toBe(nameKey('alarm clock'));
    expect(nameKey('home variant outline')).toBe(nameKey('home'));
    expect(nameKey('outline')).toBe('outline');
    expect(nameKey('home')).not.toBe(nameKey('house'));
  });

  it('lose the number of a version, but not a number that one can see', () => {
    const series = Array.from({ length: 10 }, (_, digit) => `box-${digit}`);
    const names = withoutVersions([
      'home',
      'home-2',
      'box',
      ...series,
      'dice-1',
      'dice-2',
      'mp3',
      'h',
      'h-1',
    ]);
    const changed = [...names].filter(([name, spoken]) => name !== spoken);
    expect(changed).toEqual([['home-2', 'home']]);
  });
});

describe('captions', () => {
  const variants = Array.from({ length: 200 }, (_, id) => captionOf({ ...bell, id: String(id) }));

  it('are the same on every run and vary from one drawing to the next', () => {
    expect(variants.map((_, id) => captionOf({ ...bell, id: String(id) }))).toEqual(variants);
    expect(new Set(variants).size).toBeGreaterThan(12);
  });

  it('say name and style, each new tag at most once, and nothing else', () => {
    const phrases = [
      'bell plus, filled',
      'filled bell plus',
      'filled bell plus icon',
      'icon of bell plus, filled',
    ];
    for (const caption of variants) {
      const phrase = phrases.toSorted((a, b) => b.length - a.length).find((one) => caption.startsWith(one));
      const tags = caption.slice(phrase!.length).split(', ').filter(Boolean).toSorted();
      expect([[], ['alarm'], ['add a bell'], ['add a bell', 'alarm']]).toContainEqual(tags);
    }
    expect(
      new Set(variants.map((caption) => phrases.filter((one) => caption.startsWith(one)).at(-1))).size,
    ).toBe(4);
  });

  it('mention an outline every second time', () => {
    const outlines = variants.map((_, id) =>
      captionOf({ ...bell, tags: [], id: String(id), style: 'outline' }),
    );
    const share = outlines.filter((caption) => caption.includes('outline')).length / outlines.length;
    expect(share).toBeGreaterThan(0.4);
    expect(share).toBeLessThan(0.6);
  });

  it('say of a brand that it is a logo, once', () => {
    const mark = { ...bell, tags: [], style: '' as const, brand: true };
    expect(captionOf({ ...mark, name: 'acme' })).toContain('acme logo');
    expect(captionOf({ ...mark, name: 'acme logo' })).not.toContain('logo logo');
  });

  it('keep to 18 words, digits and commas, and skip only what does not fit', () => {
    const long = Array.from({ length: 12 }, (_, index) => `tag ${'abcdefghijkl'[index]} word`);
    const query = queryOf({ ...bell, tags: [...long, 'short'] });
    expect(pieces(query)).toBeLessThanOrEqual(18);
    expect(query).toBe('bell plus, tag a word, tag b word, tag c word, tag d word');
    expect(queryOf({ ...bell, tags: [...long.slice(0, 3), 'a b c d', 'short'] })).toBe(
      'bell plus, tag a word, tag b word, tag c word, short',
    );
  });

  it('of the held-out pack are name and tags in their order', () => {
    expect(queryOf(bell)).toBe('bell plus, alarm, add a bell');
  });
});

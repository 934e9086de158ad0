import { beforeAll, describe, expect, it } from 'vitest';
import { captionOf, queryOf } from './captions.ts';
import { type Emoji, loadEmoji, VENDORS } from './emoji.ts';
import { readSheet } from './pictures.ts';
import { codeFamily, families, labelFamily, type Split, splitFamilies } from './split.ts';

let emoji: Emoji[];
let all: Emoji[][];
let split: Split;
const codes = (list: Emoji[]) => list.map(({ hexcode }) => hexcode);

beforeAll(async () => {
  emoji = await loadEmoji();
  all = families(emoji, await Promise.all(VENDORS.map(readSheet)));
  split = splitFamilies(all);
});

describe('the split', () => {
  it('puts each emoji on one side', () => {
    const sides = Object.values(split).flatMap(codes);
    expect(new Set(sides).size).toBe(sides.length);
    expect(sides.toSorted()).toEqual(codes(emoji).toSorted());
  });

  it('keeps every family whole, and shows one picture of a held-out family', () => {
    const trained = new Set(codes([...split.train, ...split.newDrawing]));
    const shown = new Set(codes(split.heldOut));
    for (const family of all) {
      const inTrain = family.filter(({ hexcode }) => trained.has(hexcode)).length;
      expect([0, family.length]).toContain(inTrain);
      expect(family.filter(({ hexcode }) => shown.has(hexcode))).toHaveLength(inTrain === 0 ? 1 : 0);
    }
  });

  it('holds out 250 to 300 emoji, about a fifth of the families', () => {
    expect(split.heldOut.length).toBeGreaterThanOrEqual(250);
    expect(split.heldOut.length).toBeLessThanOrEqual(300);
    expect(split.heldOut.length / all.length).toBeCloseTo(0.2, 1);
  });

  it('trains on one drawing less of another fifth, whole families too', () => {
    const oneLess = new Set(codes(split.newDrawing));
    const touched = all.filter((family) => family.some(({ hexcode }) => oneLess.has(hexcode)));
    expect(touched.flat()).toHaveLength(oneLess.size);
    expect(touched.length / all.length).toBeCloseTo(0.2, 1);
  });

  it('does not depend on the order of the families', () => {
    const again = splitFamilies(all.toReversed());
    expect(codes(again.heldOut).toSorted()).toEqual(codes(split.heldOut).toSorted());
  });

  it('has no skin tones and no flags of places', () => {
    expect(emoji.filter(({ hexcode }) => /1F3F[B-F]/.test(hexcode))).toEqual([]);
    expect(emoji.filter(({ label }) => label.startsWith('flag:'))).toEqual([]);
    expect(emoji.some(({ label }) => label === 'pirate flag')).toBe(true);
  });
});

describe('families', () => {
  const familyOf = (label: string) => all.find((family) => family.some((one) => one.label === label))!;
  it.each([
    ['man astronaut', 'woman astronaut'],
    ['man running', 'woman running: facing right'],
    ['woman: red hair', 'man: bald'],
    ['three o’clock', 'eight-thirty'],
    ['family: man, woman, boy', 'family: woman, girl'],
    ['thumbs up', 'thumbs down'],
    ['keycap: 3', 'keycap: 7'],
    ['locked', 'unlocked'],
  ])('holds %s and %s together', (a, b) => {
    expect(familyOf(a)).toBe(familyOf(b));
  });

  it.each([
    ['red apple', 'red heart'],
    ['dog', 'wolf'],
    ['guitar', 'violin'],
    ['blue heart', 'green heart'],
  ])('keeps %s and %s apart', (a, b) => {
    expect(familyOf(a)).not.toBe(familyOf(b));
  });

  it('reads codes and labels', () => {
    expect(codeFamily({ hexcode: '1F469-200D-1F680' })).toBe(codeFamily({ hexcode: '1F468-200D-1F680' }));
    expect(codeFamily({ hexcode: '1F3C3-200D-2640-200D-27A1' })).toBe('1F3C3');
    expect(labelFamily({ label: 'black medium-small square' })).toBe('black square');
    expect(labelFamily({ label: 'woman' })).toBe('woman');
  });
});

describe('captions', () => {
  const violin = {
    hexcode: '1F3BB',
    label: 'violin',
    tags: ['instrument', 'music'],
    kind: 'musical instrument',
  };
  it('are the same on every run, vary, and never say what the emoji is not', () => {
    const captions = Array.from({ length: 20 }, (_, variant) => captionOf(violin, variant));
    expect(Array.from({ length: 20 }, (_, variant) => captionOf(violin, variant))).toEqual(captions);
    expect(new Set(captions).size).toBeGreaterThan(8);
    const allowed = new Set(['violin', 'instrument', 'music', 'musical instrument']);
    for (const caption of captions) for (const part of caption.split(', ')) expect(allowed).toContain(part);
  });

  it('of a query are the label and all tags, without the kind', () => {
    expect(queryOf(violin)).toBe('violin, instrument, music');
  });
});

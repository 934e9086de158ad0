import { describe, expect, it } from 'vitest';
import { type Icon, nameKey } from './icon.ts';
import { splitByName, withoutRepeats } from './split.ts';

const icon = (pack: string, name: string, more: Partial<Icon> = {}): Icon => ({
  ...{ pack, id: name, name, style: '', tags: [], brand: false, file: '' },
  ...more,
});
const NAMES = Array.from({ length: 3000 }, (_, index) => `thing${index}`);
const icons = NAMES.flatMap((name) => [
  icon('a', `small ${name}`),
  icon('b', `${name} small`),
  icon('c', name),
]);
const keys = (list: Icon[]) => new Set(list.map(({ name }) => nameKey(name)));

describe('the split', () => {
  const split = splitByName(icons);

  it('puts each drawing into one part', () => {
    const all = [...split.train, ...split.val, ...split.setAside];
    expect(all).toHaveLength(icons.length);
    expect(new Set(all).size).toBe(icons.length);
  });

  it('never trains on a held-out name, in any pack or order of words', () => {
    const trained = keys(split.train);
    for (const key of [...keys(split.val), ...keys(split.setAside)]) expect(trained).not.toContain(key);
  });

  it('shows one drawing of each held-out name, of one pack or another', () => {
    expect(keys(split.val).size).toBe(split.val.length);
    const packs = split.val.filter(({ name }) => name.includes('small')).map(({ pack }) => pack);
    expect(new Set(packs)).toEqual(new Set(['a', 'b']));
  });

  it('holds out 14 % of the names', () => {
    expect(split.val.length / keys(icons).size).toBeCloseTo(0.14, 1.5);
  });

  it('does not depend on the order of the names', () => {
    const again = splitByName(icons.toReversed());
    expect([...keys(again.val)].toSorted()).toEqual([...keys(split.val)].toSorted());
  });

  it('always trains on the names of brands, also on drawings that no pack marks as such', () => {
    const brands = icons.map((one) => ({ ...one, brand: one.pack === 'a' }));
    const held = splitByName(brands).val;
    expect(held.length).toBeGreaterThan(300);
    expect(held.filter(({ name }) => name.includes('small'))).toEqual([]);
  });
});

describe('repeats', () => {
  it('are drawings that are there already, and third versions of a thing by one pack', () => {
    const list = [
      icon('a', 'home'),
      icon('a', 'house', { id: 'same drawing' }),
      icon('a', 'home', { id: 'home-2' }),
      icon('a', 'home variant', { id: 'home-3' }),
      icon('a', 'home', { id: 'home-filled', style: 'filled' }),
      icon('b', 'home', { id: 'home-b' }),
    ];
    const outline = ({ id }: Icon) => (id === 'same drawing' ? 'home' : id);
    expect(withoutRepeats(list, outline).map(({ id }) => id)).toEqual([
      'home',
      'home-2',
      'home-filled',
      'home-b',
    ]);
  });
});

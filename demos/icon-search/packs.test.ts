import { existsSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { captionOf, queryOf } from './captions.ts';
import { type Icon, nameKey } from './icon.ts';
import { loadLucide, loadTrainingPacks, packsInstalled } from './packs.ts';
import { splitByName } from './split.ts';

const why = packsInstalled() ? '' : ' (skipped: npm ci --ignore-scripts --prefix demos/icon-search)';

describe.skipIf(!packsInstalled())(`the real packs${why}`, () => {
  let icons: Icon[];
  beforeAll(async () => {
    icons = await loadTrainingPacks();
  });
  const find = (pack: string, id: string, style: string) =>
    icons.find((icon) => icon.pack === pack && icon.id === id && icon.style === style)!;

  it('are six, each drawing once, every file there', () => {
    const packs = new Set(icons.map(({ pack }) => pack));
    expect(packs).toEqual(new Set(['mdi', 'tabler', 'phosphor', 'fluent', 'remix', 'bootstrap']));
    const keys = icons.map(({ pack, id, style }) => `${pack} ${id} ${style}`);
    expect(new Set(keys).size).toBe(keys.length);
    expect(icons.filter(({ file }) => !existsSync(file))).toEqual([]);
  });

  it('tell names, styles and tags', () => {
    expect(find('mdi', 'home-outline', 'outline')).toMatchObject({ name: 'home', brand: false });
    expect(find('mdi', 'home', 'filled').tags).toContain('house');
    expect(find('tabler', 'brand-github', 'outline')).toMatchObject({ name: 'github', brand: true });
    expect(find('phosphor', 'anchor', 'filled').tags).toContain('maps travel');
    expect(find('fluent', 'access-time', 'outline').file).toMatch(/access_time_24_regular\.svg$/);
    expect(find('remix', 'home-2', 'outline').name).toBe('home');
    expect(find('bootstrap', 'calendar2-check', 'outline').name).toBe('calendar check');
  });

  it('make captions that are mostly unique, of which none is held out', () => {
    const { train, val } = splitByName(icons);
    const captions = new Set(train.map(captionOf));
    expect(captions.size / train.length).toBeGreaterThan(0.95);
    expect(val.filter((icon) => captions.has(captionOf(icon)))).toEqual([]);
    const trained = new Set(train.map(({ name }) => nameKey(name)));
    expect(val.filter(({ name }) => trained.has(nameKey(name)))).toEqual([]);
  });

  it('do not hold Lucide, whose drawings are there once, with aliases', () => {
    const lucide = loadLucide();
    expect(icons.filter(({ file }) => file.includes('lucide'))).toEqual([]);
    expect(lucide.length).toBeGreaterThan(1500);
    expect(new Set(lucide.map(queryOf)).size).toBe(lucide.length);
    const house = lucide.find(({ id }) => id === 'house')!;
    expect(house.tags).toContain('home');
  });
});

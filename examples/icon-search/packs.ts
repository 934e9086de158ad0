import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { lot } from '../emoji-search/lot.ts';
import { type Icon, type Style, withoutVersions, wordsOf } from './icon.ts';

const MODULES = fileURLToPath(new URL('node_modules', import.meta.url));
const inPack = (...path: string[]): string => join(MODULES, ...path);

/** Whether `npm ci --ignore-scripts` was run in this folder. */
export const packsInstalled = (): boolean => existsSync(inPack('lucide-static'));

const readJson = <T>(...path: string[]): T => JSON.parse(readFileSync(inPack(...path), 'utf8')) as T;
const svgNames = (...folder: string[]): string[] =>
  readdirSync(inPack(...folder))
    .filter((file) => file.endsWith('.svg'))
    .map((file) => file.slice(0, -'.svg'.length))
    .toSorted();

/** Name and style of a file whose style is a word of its name: "bell-plus-outline". */
function styleInName(id: string, word: string): { name: string; marked: boolean } {
  const words = id.split('-');
  return { name: words.filter((one) => one !== word).join('-'), marked: words.includes(word) };
}

function materialDesign(): Icon[] {
  const meta =
    readJson<{ name: string; aliases: string[]; tags: string[]; deprecated: boolean }[]>(
      '@mdi/svg/meta.json',
    );
  const names = new Set(meta.map(({ name }) => name));
  return meta
    .filter(({ deprecated }) => !deprecated)
    .map(({ name: id, aliases, tags }) => {
      const { name, marked } = styleInName(id, 'outline');
      const style: Style = marked ? 'outline' : names.has(`${id}-outline`) ? 'filled' : '';
      // "Transportation + Water", "Developer / Languages"
      const categories = tags.flatMap((tag) => tag.split(/[/+]/)).filter((tag) => !/other/i.test(tag));
      const brand = tags.includes('Brand / Logo');
      const plain = aliases.map((alias) => styleInName(alias, 'outline').name);
      const words = [...plain, ...(brand ? [] : categories)].map(wordsOf);
      return { pack: 'mdi', id, name, style, tags: words, brand, file: inPack('@mdi/svg/svg', `${id}.svg`) };
    });
}

function tabler(): Icon[] {
  const meta =
    readJson<Record<string, { category: string; tags: (string | number)[]; styles: object }>>(
      '@tabler/icons/icons.json',
    );
  const names = withoutVersions(Object.keys(meta));
  return Object.entries(meta).flatMap(([id, { category, tags, styles }]) =>
    Object.keys(styles).map((style) => ({
      ...{ pack: 'tabler', id, name: names.get(id)!.replace(/^brand-/, ''), style: style as Style },
      ...{ tags: [...tags.map(String), category].map(wordsOf), brand: category === 'Brand' },
      file: inPack('@tabler/icons/icons', style, `${id}.svg`),
    })),
  );
}

const PHOSPHOR_STYLES: Record<string, Style> = {
  ...{ regular: 'outline', fill: 'filled', duotone: 'two-tone', thin: 'thin', light: 'light', bold: 'bold' },
};
const PHOSPHOR_EXTRA = ['thin', 'light', 'bold', 'duotone'];

/** Of its six weights each icon shows four: regular, filled, and two that a hash chooses. */
async function phosphor(): Promise<Icon[]> {
  const { icons } = (await import(pathToFileURL(inPack('@phosphor-icons/core/dist/index.mjs')).href)) as {
    icons: { name: string; tags: string[]; categories: string[] }[];
  };
  return icons.flatMap(({ name: id, tags, categories }) => {
    const place = (weight: string) => lot(`phosphor ${id} ${weight}`);
    const extra = PHOSPHOR_EXTRA.toSorted((a, b) => place(a) - place(b)).slice(0, 2);
    return ['regular', 'fill', ...extra].map((weight) => ({
      ...{ pack: 'phosphor', id, name: id, style: PHOSPHOR_STYLES[weight]! },
      // "*new*" and "*updated*" are notes to designers.
      tags: [...tags, ...categories].filter((tag) => !tag.includes('*')).map(wordsOf),
      brand: categories.includes('brands'),
      file: inPack(
        '@phosphor-icons/core/assets',
        weight,
        `${id}${weight === 'regular' ? '' : `-${weight}`}.svg`,
      ),
    }));
  });
}

/** Each drawn in up to eight sizes: of those the one nearest to 24. Mirrored ones ("rtl") are the same thing again. */
function fluent(): Icon[] {
  const drawn = new Map<string, { name: string; style: Style; size: number; file: string }>();
  for (const stem of svgNames('@fluentui/svg-icons/icons')) {
    const [, name, size, style] = /^(.+)_(\d+)_(regular|filled)$/.exec(stem) ?? [];
    if (!name || /(^|_)rtl(_|$)/.test(name)) continue;
    const file = inPack('@fluentui/svg-icons/icons', `${stem}.svg`);
    const known = drawn.get(`${name} ${style}`);
    const distance = (value: number) => Math.abs(value - 24);
    if (known && distance(known.size) <= distance(Number(size))) continue;
    drawn.set(`${name} ${style}`, {
      name,
      size: Number(size),
      style: style === 'filled' ? 'filled' : 'outline',
      file,
    });
  }
  return [...drawn.values()].map(({ name, style, file }) => {
    const spoken = name.replace(/_ltr(?=_|$)/g, '');
    return {
      pack: 'fluent',
      id: name.replaceAll('_', '-'),
      name: spoken,
      style,
      tags: [],
      brand: false,
      file,
    };
  });
}

function remix(): Icon[] {
  const drawn = readdirSync(inPack('remixicon/icons')).flatMap((folder) =>
    svgNames('remixicon/icons', folder).map((stem) => ({
      folder,
      stem,
      id: stem.replace(/-(line|fill)$/, ''),
    })),
  );
  const names = withoutVersions(drawn.map(({ id }) => id));
  return drawn.map(({ folder, stem, id }) => {
    const style: Style = stem.endsWith('-line') ? 'outline' : stem.endsWith('-fill') ? 'filled' : '';
    const tags = /System|Others|Logos/.test(folder) ? [] : folder.split(' & ').map(wordsOf);
    const file = inPack('remixicon/icons', folder, `${stem}.svg`);
    return { pack: 'remix', id, name: names.get(id)!, style, tags, brand: folder === 'Logos', file };
  });
}

function bootstrap(): Icon[] {
  const ids = svgNames('bootstrap-icons/icons');
  const split = ids.map((id) => ({ id, ...styleInName(id, 'fill') }));
  const filled = new Set(split.filter(({ marked }) => marked).map(({ name }) => name));
  return split.map(({ id, name, marked }) => {
    const style: Style = marked ? 'filled' : filled.has(name) ? 'outline' : '';
    // "calendar2-check" is another drawing of "calendar-check".
    const spoken = name.replace(/(?<=[a-z]{3})[2-4](?=-|$)/g, '');
    const file = inPack('bootstrap-icons/icons', `${id}.svg`);
    return { pack: 'bootstrap', id, name: spoken, style, tags: [], brand: false, file };
  });
}

/** Every pack that is trained on, without the held-out one. Some 27,000 drawings; sorted, so the same on every machine. */
export async function loadTrainingPacks(): Promise<Icon[]> {
  const packs = [materialDesign(), tabler(), await phosphor(), fluent(), remix(), bootstrap()];
  return packs.flat().map((icon) => ({ ...icon, name: wordsOf(icon.name) }));
}

/** The held-out pack. A drawing that has several files has several names: the others are aliases, its first tags. */
export function loadLucide(): Icon[] {
  const tags = readJson<Record<string, string[]>>('lucide-static/tags.json');
  const drawings = new Map<string, string[]>();
  for (const id of svgNames('lucide-static/icons')) {
    const path = readFileSync(inPack('lucide-static/icons', `${id}.svg`), 'utf8').replace(
      /class="[^"]*"/,
      '',
    );
    drawings.set(path, [...(drawings.get(path) ?? []), id]);
  }
  return [...drawings.values()].map((ids) => {
    const id = ids.find((one) => tags[one]) ?? ids[0]!;
    const aliases = ids.filter((one) => one !== id);
    return {
      ...{ pack: 'lucide', id, name: wordsOf(id), style: '' as const, brand: false },
      tags: [...aliases, ...(tags[id] ?? [])].map(wordsOf),
      file: inPack('lucide-static/icons', `${id}.svg`),
    };
  });
}

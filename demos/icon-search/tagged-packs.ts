import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { hashFraction } from '../hash-fraction.ts';
import { type Icon, type Style, withoutVersions, wordsOf } from './icon.ts';
import { inPack, readJson, styleInName, svgNames } from './pack-files.ts';

export function materialDesign(): Icon[] {
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

export function tabler(): Icon[] {
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
export async function phosphor(): Promise<Icon[]> {
  const { icons } = (await import(pathToFileURL(inPack('@phosphor-icons/core/dist/index.mjs')).href)) as {
    icons: { name: string; tags: string[]; categories: string[] }[];
  };
  return icons.flatMap(({ name: id, tags, categories }) => {
    const place = (weight: string) => hashFraction(`phosphor ${id} ${weight}`);
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

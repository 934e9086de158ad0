import { readdirSync } from 'node:fs';
import { type Icon, type Style, withoutVersions, wordsOf } from './icon.ts';
import { inPack, styleInName, svgNames } from './pack-files.ts';

/** Each drawn in up to eight sizes: of those the one nearest to 24. Mirrored ones ("rtl") are the same thing again. */
export function fluent(): Icon[] {
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

export function remix(): Icon[] {
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

export function bootstrap(): Icon[] {
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

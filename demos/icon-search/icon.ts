/** How a pack draws: what a person would say of the style, or nothing where a pack has only one. */
export type Style = 'outline' | 'filled' | 'thin' | 'light' | 'bold' | 'two-tone' | '';

/** One drawing of one pack, with the words that the pack has for it. */
export interface Icon {
  pack: string;
  /** Unique in the pack and style; the stem of the file's name. */
  id: string;
  /** What it is called, in words: "arrow left". */
  name: string;
  style: Style;
  /** Aliases, tags and categories, the most telling first. */
  tags: string[];
  /** A company's mark: its name cannot be read off a drawing that was never seen. */
  brand: boolean;
  /** Path of the SVG file. */
  file: string;
}

/** What KEY.json of a shard holds. It has no label, so that nothing takes the pack for a class. */
export interface Facts {
  key: string;
  caption: string;
  pack: string;
  name: string;
  style: Style;
  ink: string;
  background: string;
}

/** "arrow-left_2" to "arrow left 2". */
export const wordsOf = (name: string): string =>
  name
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()
    .toLowerCase();

/** Words that tell drawings of one thing apart, not things: "home variant", "calendar ltr". */
const VARIANT_WORDS = new Set(['variant', 'alt', 'ltr', 'rtl', 'icon', 'outline', 'fill', 'filled', 'line']);

/** What two drawings of one thing share, in any pack: the words of the name, in alphabetical order. */
export function nameKey(name: string): string {
  const words = wordsOf(name).split(' ');
  const telling = words.filter((word) => !VARIANT_WORDS.has(word));
  return (telling.length ? telling : words).toSorted().join(' ');
}

/** More than this many numbered names are a series that says something (dice 1 to 6 have no plain "dice"), not versions. */
const MOST_VERSIONS = 8;

/**
 * Maps each name to itself without the number of a version: "home-2" to "home", where the pack has a "home" too.
 * The numbers of a longer series, such as "box-multiple-0" to "-9", can be seen in the picture and stay.
 */
export function withoutVersions(names: readonly string[]): Map<string, string> {
  const all = new Set(names);
  const stemOf = (name: string): string => name.replace(/(?<=[a-z]{3})-?\d$/, '');
  const versions = new Map<string, number>();
  for (const name of all) {
    const stem = stemOf(name);
    if (stem !== name) versions.set(stem, (versions.get(stem) ?? 0) + 1);
  }
  return new Map(
    names.map((name) => {
      const stem = stemOf(name);
      const isVersion = stem !== name && all.has(stem) && versions.get(stem)! <= MOST_VERSIONS;
      return [name, isVersion ? stem : name];
    }),
  );
}

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

/** The drawings that we train on: one npm package for each vendor. */
export const VENDORS = ['twitter', 'google'] as const;
export type Vendor = (typeof VENDORS)[number];

/** One emoji: its words from `emojibase-data`, and where each vendor's sheet holds its picture. */
export interface Emoji {
  hexcode: string;
  label: string;
  tags: string[];
  /** CLDR's subgroup, as words: "animal mammal". */
  kind: string;
  /** Column and row in the 64 px sheets, which all vendors share. */
  cell: { column: number; row: number };
}

interface EmojibaseEntry {
  hexcode: string;
  label: string;
  tags?: string[];
  group?: number;
  subgroup?: number;
}

interface DatasourceEntry {
  unified: string;
  sheet_x: number;
  sheet_y: number;
  has_img_twitter: boolean;
  has_img_google: boolean;
}

const require = createRequire(import.meta.url);
const readJson = async <T>(specifier: string): Promise<T> =>
  JSON.parse(await readFile(require.resolve(specifier), 'utf8')) as T;

export const sheetPath = (vendor: Vendor): string =>
  require.resolve(`emoji-datasource-${vendor}/img/${vendor}/sheets/64.png`);

/** The two packages spell some codes with and some without the variation selector. */
const withoutSelector = (hexcode: string): string =>
  hexcode
    .split('-')
    .filter((code) => code !== 'FE0F')
    .join('-');

/** Country names cannot be read off a flag that was never seen, so flags of places take no part. Skin tones are not emoji of their own. */
const isPlaceFlag = (kind: string): boolean => kind === 'country-flag' || kind === 'subdivision-flag';
const isComponent = (kind: string): boolean => kind === 'skin-tone' || kind === 'hair-style';

/** All emoji that both vendors draw, in Unicode's order, without flags of places and without skin-tone variants. */
export async function loadEmoji(): Promise<Emoji[]> {
  const entries = await readJson<EmojibaseEntry[]>('emojibase-data/en/data.json');
  const { subgroups } = await readJson<{ subgroups: Record<string, string> }>(
    'emojibase-data/meta/groups.json',
  );
  const drawn = await readJson<DatasourceEntry[]>('emoji-datasource-twitter/emoji.json');
  const drawnByCode = new Map(
    drawn.filter((d) => d.has_img_twitter && d.has_img_google).map((d) => [withoutSelector(d.unified), d]),
  );
  return entries.flatMap(({ hexcode, label, tags = [], subgroup }) => {
    const kind = subgroup === undefined ? undefined : subgroups[subgroup];
    const picture = drawnByCode.get(withoutSelector(hexcode));
    if (!kind || !picture || isPlaceFlag(kind) || isComponent(kind)) return [];
    const cell = { column: picture.sheet_x, row: picture.sheet_y };
    return [{ hexcode: withoutSelector(hexcode), label, tags, kind: kind.replaceAll('-', ' '), cell }];
  });
}

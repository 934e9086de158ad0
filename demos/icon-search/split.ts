import { hashFraction } from '../hash-fraction.ts';
import { type Icon, nameKey } from './icon.ts';

/** Share of the names whose drawings, in every pack, are held out. */
const HELD_OUT = 0.14;
/** Drawings of one thing by one pack in one style; more would repeat its caption. */
const MOST_VERSIONS = 2;

export interface Split {
  train: Icon[];
  /** One drawing of each held-out name. */
  val: Icon[];
  /** The other drawings of those names, by any pack: neither trained on nor tested. */
  setAside: Icon[];
}

/**
 * What is held out are names: of "alarm clock" (or "clock alarm") either all drawings of all packs and styles are trained
 * on, or none is. A hash of the name decides. Names of brands are always trained on.
 */
export function splitByName(icons: readonly Icon[]): Split {
  const split: Split = { train: [], val: [], setAside: [] };
  for (const [key, drawings] of byName(icons)) {
    if (drawings.some(({ brand }) => brand) || hashFraction(`held out ${key}`) >= HELD_OUT) {
      split.train.push(...drawings);
      continue;
    }
    const chosen = Math.floor(hashFraction(`drawing ${key}`) * drawings.length);
    split.val.push(drawings[chosen]!);
    split.setAside.push(...drawings.filter((_, index) => index !== chosen));
  }
  return split;
}

function byName(icons: readonly Icon[]): Map<string, Icon[]> {
  const names = new Map<string, Icon[]>();
  for (const icon of icons) {
    const key = nameKey(icon.name);
    const drawings = names.get(key);
    if (drawings) drawings.push(icon);
    else names.set(key, [icon]);
  }
  return names;
}

/** Without drawings that are there twice under other names, and with no more than two versions of a thing by one pack. */
export function withoutRepeats(icons: readonly Icon[], outline: (icon: Icon) => string): Icon[] {
  const seen = new Set<string>();
  const versions = new Map<string, number>();
  return icons.filter((icon) => {
    const drawing = outline(icon);
    const thing = `${icon.pack} ${icon.style} ${nameKey(icon.name)}`;
    const count = versions.get(thing) ?? 0;
    if (seen.has(drawing) || count >= MOST_VERSIONS) return false;
    seen.add(drawing);
    versions.set(thing, count + 1);
    return true;
  });
}

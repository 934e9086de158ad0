import { hashFraction } from '../hash-fraction.ts';
import type { Emoji } from './emoji.ts';
import { type Sheet, thumbnail } from './pictures.ts';

/** Share of the families that are held out, and share of which one vendor's drawings are held out. */
const HELD_OUT = 0.2;
const NEW_DRAWING = 0.2;
/** Pictures this close, in grey levels root-mean-square over 16x16 pixels, belong together (a clock and the next clock are at 10). */
const LOOK_ALIKE = 12;

/** Which emoji each part holds. The parts do not overlap. */
export interface Split {
  /** Trained on, in every vendor's drawing. */
  train: Emoji[];
  /** Trained on in all drawings but the test vendor's: whole families. */
  newDrawing: Emoji[];
  /** The first emoji of each family that is never trained on: one picture for one thing. */
  heldOut: Emoji[];
  /** The rest of those families: neither trained on nor tested. */
  setAside: Emoji[];
}

/** Families are never split; what becomes of each, a hash decides. */
export function splitFamilies(families: Emoji[][]): Split {
  const between = (low: number, high: number) =>
    families.filter(([first]) => {
      const drawn = hashFraction(`split ${first!.hexcode}`);
      return low <= drawn && drawn < high;
    });
  const heldOut = between(0, HELD_OUT);
  return {
    train: between(HELD_OUT + NEW_DRAWING, 1).flat(),
    newDrawing: between(HELD_OUT, HELD_OUT + NEW_DRAWING).flat(),
    heldOut: heldOut.map((family) => family[0]!),
    setAside: heldOut.flatMap((family) => family.slice(1)),
  };
}

/**
 * Emoji that are versions of one another. Two are of one family when they have the same code but for gender, hair and
 * direction; the same label but for what follows a colon and for words of gender, side and size; or, at any vendor,
 * almost the same picture. Families are the closure of these.
 */
export function families(emoji: Emoji[], sheets: Sheet[]): Emoji[][] {
  const parent = emoji.map((_, index) => index);
  const root = (index: number): number => (parent[index] === index ? index : root(parent[index]!));
  // The smaller index stays the root, so that a family is named by its first emoji in Unicode's order.
  const join = (a: number, b: number) => {
    const [first, second] = [root(a), root(b)].sort((x, y) => x - y) as [number, number];
    parent[second] = first;
  };
  for (const keyOf of [codeFamily, labelFamily]) {
    const firstWith = new Map<string, number>();
    emoji.forEach((one, index) => {
      const key = keyOf(one);
      if (firstWith.has(key)) join(firstWith.get(key)!, index);
      else firstWith.set(key, index);
    });
  }
  for (const sheet of sheets) {
    for (const [a, b] of lookAlikes(sheet, emoji)) join(a, b);
  }
  const members = emoji.map((): Emoji[] => []);
  for (const [index, one] of emoji.entries()) members[root(index)]!.push(one);
  return members.filter((family) => family.length > 0);
}

/** The code without joiners, gender and direction signs and hair, with man, woman and person as one. */
export const codeFamily = ({ hexcode }: Pick<Emoji, 'hexcode'>): string =>
  hexcode
    .split('-')
    .filter((code) => !/^(200D|2640|2642|27A1|1F9B[0-3])$/.test(code))
    .map((code) => (/^1F46[89]$/.test(code) ? '1F9D1' : code))
    .join('-');

const VERSION_WORDS =
  /\b(wo)?m[ae]n’?s?\b|\bperson\b|\bpeople\b|\b(up|down|left|right|top)\b|\b(up|down|left|right)wards?\b|\b(left|right|front)-facing\b|\b(small|medium|large|low|high|oncoming|1st|2nd|3rd)\b|-/g;

/** The label up to a colon, without words of gender, side and size; the whole label where nothing else is left. */
export function labelFamily({ label }: Pick<Emoji, 'label'>): string {
  const stem = label.split(':')[0]!;
  return stem.replace(VERSION_WORDS, ' ').replace(/\s+/g, ' ').trim() || stem;
}

function* lookAlikes(sheet: Sheet, emoji: Emoji[]): Generator<[number, number]> {
  const thumbs = emoji.map(({ cell }) => thumbnail(sheet, cell));
  const limit = LOOK_ALIKE ** 2 * thumbs[0]!.length;
  for (let a = 0; a < thumbs.length; a++) {
    for (let b = a + 1; b < thumbs.length; b++) {
      if (squaredDistance(thumbs[a]!, thumbs[b]!, limit) < limit) yield [a, b];
    }
  }
}

/** Stops as soon as the limit is passed, which for most pairs is soon. */
function squaredDistance(a: Float32Array, b: Float32Array, limit: number): number {
  let sum = 0;
  for (let index = 0; index < a.length && sum < limit; index++) {
    const difference = a[index]! - b[index]!;
    sum += difference * difference;
  }
  return sum;
}

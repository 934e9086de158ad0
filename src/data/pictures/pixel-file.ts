// What a PixelCache holds, in a file for the next process: decoding a small JPEG costs a core a millisecond, reading it back a microsecond.
//   MAGIC, slots int32 [samples], arena [units * 16], samples and units as uint32, MAGIC
import { closeSync, fstatSync, openSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeFileAtomically } from '../../io/atomic.ts';
import { readFully } from '../dataset/tar.ts';
import { HEADER, type PixelCache, SMALL_PIXELS, UNIT } from './pixel-cache.ts';

/** A new number for files that decode otherwise, or have another layout. */
const MAGIC = Buffer.from('couplet px 0001\n');
const END = 8 + MAGIC.length;

/** Where the decoded pictures of a data set are kept. @param fingerprint of fingerprintOf() */
export const pixelPath = (folder: string, fingerprint: string): string =>
  join(folder, `${fingerprint.slice(0, 32)}.pixels`);

/** Fills an empty cache from a file; false, and a cache that is still empty, when there is no whole file of this data that has room in it. */
export function loadPixels(path: string, cache: PixelCache): boolean {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch {
    return false;
  }
  try {
    const units = unitsOf(descriptor, cache);
    if (units === undefined) return false;
    const slots = new Int32Array(cache.slots.length);
    const arena = cache.arena.subarray(0, units * UNIT);
    const read = (into: Uint8Array, at: number) => readFully(descriptor, into, at) === into.length;
    const bytes = new Uint8Array(slots.buffer);
    const whole = read(bytes, MAGIC.length) && read(arena, MAGIC.length + bytes.length);
    if (!whole || !slots.every((slot) => slot === 0 || isEntry(arena, slot))) return false;
    cache.slots.set(slots);
    cache.head[0] = units;
    return true;
  } finally {
    closeSync(descriptor);
  }
}

/** Units of the arena in a file of the right length and kind. */
function unitsOf(descriptor: number, { slots, arena }: PixelCache): number | undefined {
  const { size } = fstatSync(descriptor);
  const begin = Buffer.alloc(MAGIC.length);
  const end = Buffer.alloc(END);
  readFully(descriptor, begin, 0);
  readFully(descriptor, end, Math.max(0, size - END));
  if (!begin.equals(MAGIC) || !end.subarray(8).equals(MAGIC)) return undefined;
  const [samples, units] = [end.readUInt32LE(0), end.readUInt32LE(4)];
  const length = MAGIC.length + 4 * samples + UNIT * units + END;
  return samples === slots.length && units * UNIT <= arena.length && size === length ? units : undefined;
}

/** Whether a slot is the place of a small picture that ends inside the arena. */
function isEntry(arena: Uint8Array, slot: number): boolean {
  const at = (slot - 1) * UNIT;
  if (at < 0 || at + HEADER > arena.length) return false;
  const [width, height] = new Uint32Array(arena.buffer, arena.byteOffset + at, 2) as unknown as [
    number,
    number,
  ];
  const pixels = width * height;
  return pixels > 0 && pixels <= SMALL_PIXELS && at + HEADER + 3 * pixels <= arena.length;
}

/** Writes what a cache holds. A file that cannot be written costs the next process some time, and no more. */
export async function savePixels(path: string, cache: PixelCache): Promise<void> {
  const slots = Int32Array.from(cache.slots); // before the arena's end is read: what they name is written by then
  const units = Math.min(Atomics.load(cache.head, 0), Math.floor(cache.arena.length / UNIT));
  const end = Buffer.alloc(8);
  end.writeUInt32LE(slots.length, 0);
  end.writeUInt32LE(units, 4);
  const arena = cache.arena.subarray(0, units * UNIT);
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFileAtomically(path, [MAGIC, new Uint8Array(slots.buffer), arena, end, MAGIC], {
      mode: 0o600,
    });
  } catch {
    // The next process decodes again.
  }
}

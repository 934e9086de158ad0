// A PixelCache in a file for the next process: decoding a small JPEG costs a core a millisecond, reading it back a microsecond.
// The body: slots int32 [samples], arena [units * 16].
import { closeSync, openSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../../io/atomic.ts';
import { readFully } from '../dataset/tar.ts';
import { frameEnd, MARK_BYTES, markOf, readFacts } from './framed-file.ts';
import { HEADER, type PixelCache, SMALL_PIXELS, UNIT } from './pixel-cache.ts';

const MARK = markOf('couplet px 0002');
const factsSchema = z.strictObject({ samples: z.int().min(1), units: z.int().min(0) });

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
    const whole = read(bytes, MARK_BYTES) && read(arena, MARK_BYTES + bytes.length);
    if (!whole || !slots.every((slot) => slot === 0 || isEntry(arena, slot))) return false;
    cache.slots.set(slots);
    cache.head[0] = units;
    return true;
  } finally {
    closeSync(descriptor);
  }
}

/** Units of the arena in a whole file of these samples that has room in the cache. */
function unitsOf(descriptor: number, { slots, arena }: PixelCache): number | undefined {
  const facts = readFacts(descriptor, {
    mark: MARK,
    schema: factsSchema,
    bodyBytes: ({ samples, units }) => 4 * samples + UNIT * units,
  });
  const fits = facts?.samples === slots.length && facts.units * UNIT <= arena.length;
  return fits ? facts.units : undefined;
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
  const end = frameEnd({ samples: slots.length, units }, MARK);
  const arena = cache.arena.subarray(0, units * UNIT);
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFileAtomically(path, [MARK, new Uint8Array(slots.buffer), arena, end], {
      mode: 0o600,
    });
  } catch {
    // The next process decodes again.
  }
}

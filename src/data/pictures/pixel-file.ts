// A PixelCache in a file: reading is a thousand times faster than decoding.
// Body: slots int32 [samples], arena [units * 16].
import { closeSync, openSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../../io/atomic.ts';
import { readFully } from '../dataset/tar.ts';
import { frameEnd, MARK_BYTES, markOf, readFacts } from './framed-file.ts';
import { HEADER_BYTES, type PixelCache, SMALL_PIXELS, UNIT_BYTES } from './pixel-cache.ts';

const FILE_MARK = markOf('couplet px 0002');
const factsSchema = z.strictObject({ samples: z.int().min(1), units: z.int().min(0) });

export const pixelPath = (folder: string, fingerprint: string): string =>
  join(folder, `${fingerprint.slice(0, 32)}.pixels`);

/** Fills an empty cache. False, and the cache stays empty, without a whole file of these samples that fits. */
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
    const arena = cache.arena.subarray(0, units * UNIT_BYTES);
    const read = (target: Uint8Array, position: number) =>
      readFully(descriptor, target, position) === target.length;
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

function unitsOf(descriptor: number, { slots, arena }: PixelCache): number | undefined {
  const facts = readFacts(descriptor, {
    mark: FILE_MARK,
    schema: factsSchema,
    bodyBytes: ({ samples, units }) => 4 * samples + UNIT_BYTES * units,
  });
  const fits = facts?.samples === slots.length && facts.units * UNIT_BYTES <= arena.length;
  return fits ? facts.units : undefined;
}

/** A small picture that ends inside the arena. */
function isEntry(arena: Uint8Array, slot: number): boolean {
  const start = (slot - 1) * UNIT_BYTES;
  if (start < 0 || start + HEADER_BYTES > arena.length) return false;
  const [width, height] = new Uint32Array(arena.buffer, arena.byteOffset + start, 2) as unknown as [
    number,
    number,
  ];
  const pixels = width * height;
  return pixels > 0 && pixels <= SMALL_PIXELS && start + HEADER_BYTES + 3 * pixels <= arena.length;
}

/** Ignores write errors. */
export async function savePixels(path: string, cache: PixelCache): Promise<void> {
  const slots = Int32Array.from(cache.slots); // first: their entries then lie before the arena's end
  const units = Math.min(Atomics.load(cache.head, 0), Math.floor(cache.arena.length / UNIT_BYTES));
  const end = frameEnd({ samples: slots.length, units }, FILE_MARK);
  const arena = cache.arena.subarray(0, units * UNIT_BYTES);
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFileAtomically(path, [FILE_MARK, new Uint8Array(slots.buffer), arena, end], {
      mode: 0o600,
    });
  } catch {
    // The next process decodes again.
  }
}

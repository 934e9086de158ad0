/**
 * Decoded pictures in shared memory, filled by whichever worker decodes one first. Opening a codec costs ten times the decoding of a small
 * picture, so a data set of small pictures is decoded once and only cropped from then on. Memory is committed as it fills.
 */
export interface PixelCache {
  /** For each sample: 1 + the place of its entry in units of 16 bytes, or 0. */
  slots: Int32Array;
  /** Entries: width and height as uint32, then RGB bytes. */
  arena: Uint8Array;
  /** One word: the first free unit. */
  head: Int32Array;
}

/** Decoded RGB, [height, width, 3]. */
export interface Pixels {
  data: Uint8Array;
  width: number;
  height: number;
}

/** Larger pictures are not kept: for them the codec's own cost dominates. */
export const SMALL_PIXELS = 128 * 128;
/** Bytes: entries begin at a multiple of it. */
export const UNIT = 16;
/** Bytes of an entry before its pixels. */
export const HEADER = 8;

/** @param bytes memory at most; never more than the samples can fill */
export function createPixelCache(samples: number, bytes: number): PixelCache | undefined {
  const capacity = Math.min(bytes, samples * (SMALL_PIXELS * 3 + UNIT), 0x7fff_ffff * UNIT);
  if (capacity < UNIT) return undefined;
  return {
    slots: new Int32Array(new SharedArrayBuffer(samples * 4)),
    arena: new Uint8Array(new SharedArrayBuffer(capacity)),
    head: new Int32Array(new SharedArrayBuffer(4)),
  };
}

export function cachedPixels(cache: PixelCache, id: number): Pixels | undefined {
  const slot = Atomics.load(cache.slots, id);
  if (slot === 0) return undefined;
  const at = (slot - 1) * UNIT;
  const [width, height] = new Uint32Array(cache.arena.buffer, at, 2) as unknown as [number, number];
  return { width, height, data: cache.arena.subarray(at + HEADER, at + HEADER + width * height * 3) };
}

/** Keeps a picture if there is room. Two workers that decode the same one both write it; the last is found. */
export function keepPixels(cache: PixelCache, id: number, { data, width, height }: Pixels): void {
  const units = Math.ceil((HEADER + data.length) / UNIT);
  if ((Atomics.load(cache.head, 0) + units) * UNIT > cache.arena.length) return;
  const unit = Atomics.add(cache.head, 0, units);
  if (unit < 0 || (unit + units) * UNIT > cache.arena.length) return;
  const at = unit * UNIT;
  new Uint32Array(cache.arena.buffer, at, 2).set([width, height]);
  cache.arena.set(data, at + HEADER);
  Atomics.store(cache.slots, id, unit + 1);
}

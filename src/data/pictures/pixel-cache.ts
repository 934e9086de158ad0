/** Decoded small pictures in shared memory: opening a codec costs ten times the decoding. */
export interface PixelCache {
  /** For each sample 1 + the unit where its entry starts, or 0. */
  slots: Int32Array;
  /** Entries: width, height as uint32, then RGB bytes. */
  arena: Uint8Array;
  /** [1]: the first free unit. */
  head: Int32Array;
}

/** Decoded RGB, [height, width, 3]. */
export interface Pixels {
  data: Uint8Array;
  width: number;
  height: number;
}

/** Larger pictures are not cached: decoding dominates. */
export const SMALL_PIXELS = 128 * 128;
/** Bytes; entries are aligned to it. */
export const UNIT_BYTES = 16;
/** Bytes before an entry's pixels. */
export const HEADER_BYTES = 8;

/** @param bytes upper limit */
export function createPixelCache(samples: number, bytes: number): PixelCache | undefined {
  const capacity = Math.min(bytes, samples * (SMALL_PIXELS * 3 + UNIT_BYTES), 0x7fff_ffff * UNIT_BYTES);
  if (capacity < UNIT_BYTES) return undefined;
  return {
    slots: new Int32Array(new SharedArrayBuffer(samples * 4)),
    arena: new Uint8Array(new SharedArrayBuffer(capacity)),
    head: new Int32Array(new SharedArrayBuffer(4)),
  };
}

export function cachedPixels(cache: PixelCache, id: number): Pixels | undefined {
  const slot = Atomics.load(cache.slots, id);
  if (slot === 0) return undefined;
  const start = (slot - 1) * UNIT_BYTES;
  const [width, height] = new Uint32Array(cache.arena.buffer, start, 2) as unknown as [number, number];
  return {
    width,
    height,
    data: cache.arena.subarray(start + HEADER_BYTES, start + HEADER_BYTES + width * height * 3),
  };
}

/** Does nothing when full. If two workers decode the same picture, the last entry counts. */
export function keepPixels(cache: PixelCache, id: number, { data, width, height }: Pixels): void {
  const units = Math.ceil((HEADER_BYTES + data.length) / UNIT_BYTES);
  if ((Atomics.load(cache.head, 0) + units) * UNIT_BYTES > cache.arena.length) return;
  const unit = Atomics.add(cache.head, 0, units);
  if (unit < 0 || (unit + units) * UNIT_BYTES > cache.arena.length) return;
  const start = unit * UNIT_BYTES;
  new Uint32Array(cache.arena.buffer, start, 2).set([width, height]);
  cache.arena.set(data, start + HEADER_BYTES);
  Atomics.store(cache.slots, id, unit + 1);
}

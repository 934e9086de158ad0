import { createHash } from 'node:crypto';

/** A number in [0, 1) from a hash of `text`. The demos' only source of chance, so every run is the same. */
export const hashFraction = (text: string): number =>
  createHash('sha256').update(text).digest().readUInt32BE(0) / 2 ** 32;

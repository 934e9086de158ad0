import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';

/** Test data made by code, in temporary folders. */

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'couplet-data-'));
}

export type Colour = [red: number, green: number, blue: number];

/** A JPEG whose colour says which sample it is. */
export function jpegOf(colour: Colour, width = 24, height = width): Promise<Buffer> {
  const [r, g, b] = colour;
  return sharp({ create: { width, height, channels: 3, background: { r, g, b } } })
    .jpeg({ quality: 95 })
    .toBuffer();
}

/** Noise that depends on `seed` alone: a picture in which each crop differs. */
export function noiseJpeg(seed: number, width = 40, height = width): Promise<Buffer> {
  const data = Uint8Array.from(
    { length: width * height * 3 },
    (_, i) => Math.imul((i >> 4) + seed * 7919, 0x9e3779b1) >>> 24,
  );
  return sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg()
    .toBuffer();
}

/** The colour of sample `k`: distinct for k < 125, and far enough apart for JPEG. */
export function colourOf(k: number): Colour {
  return [(k % 5) * 60, (Math.floor(k / 5) % 5) * 60, (Math.floor(k / 25) % 5) * 60];
}

export function put(folder: string, files: Record<string, string | Uint8Array>): void {
  for (const [name, contents] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), contents);
  }
}

interface TarEntry {
  name: string;
  data: Uint8Array | string;
  /** Default '0', a regular file. */
  type?: string;
}

/** A ustar archive, header by header, so that tests can write what no tool would. */
export function makeTar(entries: readonly TarEntry[]): Buffer {
  const blocks = entries.flatMap(({ name, data, type }) => {
    const bytes = Buffer.from(data);
    return [
      tarHeader(name, bytes.length, type ?? '0'),
      bytes,
      Buffer.alloc((512 - (bytes.length % 512)) % 512),
    ];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

export function tarHeader(name: string, size: number, type = '0'): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write('0000644\0', 100);
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  header.write(type, 156);
  header.write('ustar\x0000', 257);
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

/** `count` samples 000.jpg + 000.txt ... in one shard; sample k has colour k. */
export async function makeShard(first: number, count: number): Promise<Buffer> {
  const entries: TarEntry[] = [];
  for (let k = first; k < first + count; k++) {
    const key = String(k).padStart(3, '0');
    entries.push(
      { name: `${key}.jpg`, data: await jpegOf(colourOf(k)) },
      { name: `${key}.txt`, data: `caption ${k}` },
    );
  }
  return makeTar(entries);
}

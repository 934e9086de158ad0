import { inflateRawSync } from 'node:zlib';
import { CoupletError } from '../../src/errors.ts';

// PKWARE's APPNOTE.TXT: 4.3.16 end of central directory, 4.3.14 its zip64 form, 4.3.12 central header, 4.3.7 local header.
const END = 0x06054b50;
const END_64 = 0x06064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const END_BYTES = 22;
const LONGEST_COMMENT = 0xffff;
/** A picture or a list; more is no file of a data set, and could be made to fill the memory. */
const LARGEST_FILE = 2 ** 28;

/**
 * The files of a zip: stored or deflated ones, without encryption. Entries are read off the central directory up to its end, since
 * its count overflows at 65,536.
 * @throws Error when it is damaged, or has something else
 */
export function* zipEntries(zip: Buffer): Generator<[path: string, read: () => Buffer]> {
  for (let at = centralDirectory(zip); at + 4 <= zip.length && zip.readUInt32LE(at) === CENTRAL; ) {
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) =>
      zip.readUInt16LE(at + offset),
    );
    const path = zip.toString('utf8', at + 46, at + 46 + nameLength!);
    const header = at;
    if (!path.endsWith('/')) yield [path, () => entryBytes(zip, header, path)];
    at += 46 + nameLength! + extraLength! + commentLength!;
  }
}

function centralDirectory(zip: Buffer): number {
  for (let at = zip.length - END_BYTES; at >= Math.max(0, zip.length - END_BYTES - LONGEST_COMMENT); at--) {
    if (zip.readUInt32LE(at) !== END) continue;
    const start = zip.readUInt32LE(at + 16);
    return start === 0xffffffff ? centralDirectory64(zip, at) : start;
  }
  throw new Error('it has no end as a zip has: it was cut');
}

function centralDirectory64(zip: Buffer, end: number): number {
  const at = Number(zip.readBigUInt64LE(end - 20 + 8));
  if (zip.readUInt32LE(at) !== END_64) throw new Error('its zip64 directory is damaged');
  return Number(zip.readBigUInt64LE(at + 48));
}

function entryBytes(zip: Buffer, central: number, path: string): Buffer {
  const [flags, method] = [zip.readUInt16LE(central + 8), zip.readUInt16LE(central + 10)];
  const [packed, size] = [zip.readUInt32LE(central + 20), zip.readUInt32LE(central + 24)];
  const local = zip.readUInt32LE(central + 42);
  if (flags & 1) throw new CoupletError(`${path} is encrypted: no archive of a data set is.`);
  if (size > LARGEST_FILE)
    throw new CoupletError(`${path} has ${size} bytes: no file of a data set is that large.`);
  if (local + 30 > zip.length)
    throw new CoupletError(`${path} is not in the zip: it was cut. Download it again.`);
  const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
  const bytes = unpacked(zip.subarray(start, start + packed), { method, size });
  if (zip.readUInt32LE(local) === LOCAL && bytes?.length === size) return bytes;
  throw new CoupletError(
    `${path} does not unpack to its ${size} bytes: the zip is damaged. Download it again.`,
  );
}

/** Undefined where it cannot be unpacked. */
function unpacked(bytes: Buffer, { method, size }: { method: number; size: number }): Buffer | undefined {
  if (method === 0) return bytes;
  try {
    return method === 8 ? inflateRawSync(bytes, { maxOutputLength: Math.max(1, size) }) : undefined;
  } catch {
    return undefined;
  }
}

import { writeFile } from 'node:fs/promises';

const BLOCK = 512;

/** One file of a tar: its path in the archive, and its bytes. */
export interface TarMember {
  name: string;
  bytes: Buffer;
}

/** Writes a tar. Dates and owners are zero, so equal members make equal files. Names have at most 100 bytes. */
export const writeTar = (path: string, members: Iterable<TarMember>): Promise<void> =>
  writeFile(path, tarOf(members));

/** A tar as bytes, with the two zero blocks that end it. */
export const tarOf = (members: Iterable<TarMember>): Buffer =>
  Buffer.concat([...Array.from(members, memberBytes), Buffer.alloc(2 * BLOCK)]);

/** A ustar header (POSIX.1-1988), the bytes, and zeros up to a whole block. */
function memberBytes({ name, bytes }: TarMember): Buffer {
  if (Buffer.byteLength(name) > 100) throw new Error(`${name}: a name in a tar has at most 100 bytes.`);
  const header = Buffer.alloc(BLOCK);
  const field = (offset: number, text: string) => header.write(text, offset, 'utf8');
  field(0, name);
  field(100, octal(0o644, 7));
  field(108, octal(0, 7));
  field(116, octal(0, 7));
  field(124, octal(bytes.length, 11));
  field(136, octal(0, 11));
  field(148, ' '.repeat(8));
  field(156, '0');
  field(257, 'ustar\x0000');
  const checksum = header.reduce((sum, byte) => sum + byte, 0);
  field(148, `${octal(checksum, 6)} `);
  return Buffer.concat([header, bytes, Buffer.alloc(-bytes.length & (BLOCK - 1))]);
}

const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`;

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** A regular file in a tar archive: where its bytes are. */
export interface Member {
  name: string;
  /** First byte of the contents, from the start of the archive. */
  offset: number;
  size: number;
}

/** The archive ends early, or what should be a header is none. What came before is good. */
export class DamagedTar extends Error {
  override name = 'DamagedTar';
}

const BLOCK = 512;
/** Long names and pax records larger than this are refused: they are read into memory. */
const LONGEST_RECORD = 1 << 20;
const SMALLEST_WINDOW = 4096;
const LARGEST_WINDOW = 1 << 19;

/** Reads of an archive through a window, which grows while reads follow one another and shrinks when they jump. */
export class TarFile {
  readonly size: number;
  readonly #descriptor: number;
  #window = Buffer.alloc(0);
  #start = 0;
  #ahead = SMALLEST_WINDOW;

  constructor(path: string) {
    this.#descriptor = openSync(path, 'r');
    this.size = fstatSync(this.#descriptor).size;
  }

  /** `length` bytes at `at`; fewer at the end of the file. Valid until the next read. */
  read(at: number, length: number): Buffer {
    const end = this.#start + this.#window.length;
    if (at >= this.#start && at + length <= end)
      return this.#window.subarray(at - this.#start, at - this.#start + length);
    const jumped = at > end + this.#ahead;
    this.#ahead = jumped ? SMALLEST_WINDOW : Math.min(LARGEST_WINDOW, this.#ahead * 2);
    this.#window = Buffer.allocUnsafe(Math.max(length, this.#ahead));
    this.#window = this.#window.subarray(0, Math.max(0, readFully(this.#descriptor, this.#window, at)));
    this.#start = at;
    return this.#window.subarray(0, length);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** Reads until the buffer is full or the file ends; @returns bytes read */
export function readFully(descriptor: number, target: Uint8Array, at: number): number {
  let done = 0;
  while (done < target.length) {
    const count = readSync(descriptor, target, done, target.length - done, at + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

/**
 * The regular files of a tar archive in order, by seeking from header to header: ustar, GNU long names and pax paths and sizes.
 * Links, devices and directories are passed over and never followed; names are text, not places on this disk.
 * @param onNoEnd called when the archive ends after a whole member, but without the mark that ends every tar: it may have been cut there
 * @throws DamagedTar after the last whole member, when the archive is cut or damaged
 */
export function* tarMembers(file: TarFile, onNoEnd?: () => void): Generator<Member> {
  let at = 0;
  let next: { path?: string; size?: number } = {};
  while (at < file.size) {
    const header = file.read(at, BLOCK);
    if (header.length < BLOCK) throw new DamagedTar(`cut in the middle of a header at byte ${at}`);
    if (header[0] === 0 && header.every((byte) => byte === 0)) return;
    checkSum(header, at);
    const type = String.fromCharCode(header[156]!);
    const hasData = !'123456'.includes(type);
    const size = hasData ? (next.size ?? numberField(header, 124, 12)) : 0;
    const name = next.path ?? headerName(header);
    const offset = at + BLOCK;
    if (!(size >= 0) || offset + size > file.size) {
      throw new DamagedTar(
        `cut in the middle of ${name}: it should have ${size} bytes, the archive ends after ${file.size - offset}`,
      );
    }
    if (type === 'L') next.path = untilNul(record(file, offset, size));
    else if (type === 'x') next = { ...next, ...paxRecord(record(file, offset, size)) };
    else if (type !== 'g' && type !== 'K') {
      next = {};
      if (type === '0' || type === '\0' || type === '7') yield { name, offset, size };
    }
    at = offset + Math.ceil(size / BLOCK) * BLOCK;
  }
  onNoEnd?.();
}

function record(file: TarFile, offset: number, size: number): Buffer {
  if (size > LONGEST_RECORD) throw new DamagedTar(`a name record of ${size} bytes at byte ${offset}`);
  return file.read(offset, size);
}

/** The header's bytes are summed with the checksum field as blanks. */
function checkSum(header: Buffer, at: number): void {
  let sum = 8 * 32;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += header[i]!;
  if (sum !== numberField(header, 148, 8)) throw new DamagedTar(`no tar header at byte ${at}`);
}

function headerName(header: Buffer): string {
  const name = untilNul(header.subarray(0, 100));
  const ustar = header.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = ustar ? untilNul(header.subarray(345, 500)) : '';
  return prefix ? `${prefix}/${name}` : name;
}

function untilNul(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}

/** Octal text, or base 256 when the first bit is set. NaN when it is neither. */
function numberField(header: Buffer, at: number, length: number): number {
  if (header[at]! & 0x80) {
    let value = header[at]! & 0x7f;
    for (let i = 1; i < length; i++) value = value * 256 + header[at + i]!;
    return value;
  }
  const text = untilNul(header.subarray(at, at + length)).trim();
  return /^[0-7]*$/.test(text) ? Number.parseInt(text || '0', 8) : Number.NaN;
}

/** `LENGTH KEY=VALUE\n` records; path and size matter here. */
function paxRecord(bytes: Buffer): { path?: string; size?: number } {
  const found: { path?: string; size?: number } = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(32, at);
    const length = space < 0 ? Number.NaN : Number(bytes.toString('latin1', at, space));
    if (!(length > 0) || at + length > bytes.length) break;
    const [key = '', ...value] = bytes.toString('utf8', space + 1, at + length - 1).split('=');
    if (key === 'path') found.path = value.join('=');
    if (key === 'size') found.size = Number(value.join('='));
    at += length;
  }
  return found;
}

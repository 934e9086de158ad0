import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { DamagedFile } from './problems.ts';

/** A regular file in a tar archive. */
export interface Member {
  name: string;
  /** First byte of the contents. */
  offset: number;
  size: number;
}

const BLOCK = 512;
const MAX_RECORD_BYTES = 1 << 20;
const MIN_WINDOW_BYTES = 4096;
const MAX_WINDOW_BYTES = 1 << 19;

/** Reads through a window, which grows with sequential reads and shrinks after a jump. */
export class TarFile {
  readonly size: number;
  readonly #descriptor: number;
  #window = Buffer.alloc(0);
  #start = 0;
  #ahead = MIN_WINDOW_BYTES;

  constructor(path: string) {
    this.#descriptor = openSync(path, 'r');
    this.size = fstatSync(this.#descriptor).size;
  }

  /** Fewer than `length` bytes at the end of the file. Valid until the next read. */
  read(position: number, length: number): Buffer {
    const end = this.#start + this.#window.length;
    if (position >= this.#start && position + length <= end)
      return this.#window.subarray(position - this.#start, position - this.#start + length);
    const jumped = position > end + this.#ahead;
    this.#ahead = jumped ? MIN_WINDOW_BYTES : Math.min(MAX_WINDOW_BYTES, this.#ahead * 2);
    this.#window = Buffer.allocUnsafe(Math.max(length, this.#ahead));
    this.#window = this.#window.subarray(0, Math.max(0, readFully(this.#descriptor, this.#window, position)));
    this.#start = position;
    return this.#window.subarray(0, length);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** Reads until the buffer is full or the file ends. @returns bytes read */
export function readFully(descriptor: number, target: Uint8Array, position: number): number {
  let done = 0;
  while (done < target.length) {
    const count = readSync(descriptor, target, done, target.length - done, position + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

/**
 * The regular files of a tar archive, in order: ustar, GNU long names, pax paths and sizes. Skips links, devices and directories.
 * @param onNoEnd called when the archive ends after a whole member without tar's end mark: it may be cut
 * @throws DamagedFile after the last whole member
 */
export function* tarMembers(file: TarFile, onNoEnd?: () => void): Generator<Member> {
  let position = 0;
  let next: { path?: string; size?: number } = {};
  while (position < file.size) {
    const header = file.read(position, BLOCK);
    if (header.length < BLOCK) throw new DamagedFile(`cut in the middle of a header at byte ${position}`);
    if (header[0] === 0 && header.every((byte) => byte === 0)) return;
    verifyChecksum(header, position);
    const type = String.fromCharCode(header[156]!);
    const hasData = !'123456'.includes(type);
    const size = hasData ? (next.size ?? numberField(header, 124, 12)) : 0;
    const name = next.path ?? headerName(header);
    const offset = position + BLOCK;
    if (!(size >= 0) || offset + size > file.size) {
      throw new DamagedFile(
        `cut in the middle of ${name}: it should have ${size} bytes, the archive ends after ${file.size - offset}`,
      );
    }
    if (type === 'L') next.path = untilNul(record(file, offset, size));
    else if (type === 'x') next = { ...next, ...paxRecord(record(file, offset, size)) };
    else if (type !== 'g' && type !== 'K') {
      next = {};
      if (type === '0' || type === '\0' || type === '7') yield { name, offset, size };
    }
    position = offset + Math.ceil(size / BLOCK) * BLOCK;
  }
  onNoEnd?.();
}

function record(file: TarFile, offset: number, size: number): Buffer {
  if (size > MAX_RECORD_BYTES)
    throw new DamagedFile(
      `a name record of ${size} bytes at byte ${offset}: expected at most ${MAX_RECORD_BYTES}`,
    );
  return file.read(offset, size);
}

/** The checksum field itself counts as eight blanks. */
function verifyChecksum(header: Buffer, position: number): void {
  let sum = 8 * 32;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += header[i]!;
  if (sum !== numberField(header, 148, 8)) throw new DamagedFile(`no tar header at byte ${position}`);
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

/** Octal text, or base 256 when the first bit is set; else NaN. */
function numberField(header: Buffer, start: number, length: number): number {
  if (header[start]! & 0x80) {
    let value = header[start]! & 0x7f;
    for (let i = 1; i < length; i++) value = value * 256 + header[start + i]!;
    return value;
  }
  const text = untilNul(header.subarray(start, start + length)).trim();
  return /^[0-7]*$/.test(text) ? Number.parseInt(text || '0', 8) : Number.NaN;
}

/** Records have the form `LENGTH KEY=VALUE\n`. */
function paxRecord(bytes: Buffer): { path?: string; size?: number } {
  const fields: { path?: string; size?: number } = {};
  for (let start = 0; start < bytes.length; ) {
    const space = bytes.indexOf(32, start);
    const length = space < 0 ? Number.NaN : Number(bytes.toString('latin1', start, space));
    if (!(length > 0) || start + length > bytes.length) break;
    const [key = '', ...value] = bytes.toString('utf8', space + 1, start + length - 1).split('=');
    if (key === 'path') fields.path = value.join('=');
    if (key === 'size') fields.size = Number(value.join('='));
    start += length;
  }
  return fields;
}

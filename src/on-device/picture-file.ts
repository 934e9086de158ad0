// A file of decoded pictures: reading a small one is a thousand times faster than decoding its JPEG.
// Body: pictures [n, M, M, 3], sizes int32 [n, 2].
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { readFully } from '../data/dataset/tar.ts';
import type { Problems } from '../data/index.ts';
import { frameEnd, MARK_BYTES, markOf, readFacts } from '../data/pictures/framed-file.ts';
import { CoupletError } from '../errors.ts';
import { removeStale, temporaryName } from '../io/atomic.ts';

const FILE_MARK = markOf('couplet held 01');

const factsSchema = z.strictObject({
  count: z.int().min(1),
  side: z.int().min(1),
  /** SHA-256 of the sizes; wrong sizes would give wrong crops. */
  sizes: z.string(),
  problems: z.strictObject({
    count: z.int().min(0),
    first: z.array(z.strictObject({ name: z.string(), reason: z.string() })),
  }),
});

type PictureFileFacts = z.output<typeof factsSchema>;

export function pictureFilePath(
  folder: string,
  key: { fingerprint: string; maxSide: number; captions: boolean },
): string {
  return join(folder, `${createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 32)}.held`);
}

export interface PictureFile extends Omit<PictureFileFacts, 'sizes'> {
  /** int32 [n, 2] */
  sizes: Int32Array;
  /** Pictures [start, start + count): [count, M, M, 3]. */
  rows(start: number, count: number): Uint8Array;
  close(): void;
}

/** Undefined when the file is missing, damaged, or of another version or data set. */
export function openPictureFile(
  path: string,
  { count, maxSide }: { count: number; maxSide: number },
): PictureFile | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch {
    return undefined;
  }
  const close = () => closeSync(descriptor);
  const facts = readFacts(descriptor, {
    mark: FILE_MARK,
    schema: factsSchema,
    bodyBytes: ({ count, side }) => count * (side ** 2 * 3 + 8),
  });
  const rowBytes = (facts?.side ?? 0) ** 2 * 3;
  const sizes = new Int32Array(count * 2);
  const fits = facts?.count === count && facts.side <= maxSide;
  if (fits) read(descriptor, bytesOf(sizes), MARK_BYTES + count * rowBytes);
  if (!fits || digestOf(sizes) !== facts.sizes) {
    close();
    return undefined;
  }
  const rows = (start: number, count: number) =>
    read(descriptor, new Uint8Array(count * rowBytes), MARK_BYTES + start * rowBytes);
  return { ...facts, sizes, rows, close };
}

function read<T extends Uint8Array>(descriptor: number, target: T, position: number): T {
  if (readFully(descriptor, target, position) < target.length)
    throw new CoupletError(
      'data.cache: a file of decoded pictures ended while it was read. Delete this folder and start again.',
    );
  return target;
}

/** Writes rows in any order. After an error there is no file, but the run goes on. */
export class PictureFileWriter {
  /** The error's code. */
  failed: string | undefined;
  readonly #path: string;
  readonly #temporary: string;
  readonly #shape: { count: number; side: number };
  #descriptor: number;

  private constructor(path: string, shape: { count: number; side: number }) {
    this.#path = path;
    this.#temporary = temporaryName(path);
    this.#shape = shape;
    this.#descriptor = openSync(this.#temporary, 'w', 0o600);
  }

  /**
   * Removes what crashed processes left in the folder.
   * @throws CoupletError when the folder cannot be written
   */
  static async open(path: string, shape: { count: number; side: number }): Promise<PictureFileWriter> {
    const folder = dirname(path);
    try {
      mkdirSync(folder, { recursive: true });
      await removeStale(folder);
      return new PictureFileWriter(path, shape);
    } catch (error) {
      throw new CoupletError(
        `data.cache: cannot write in ${folder} (${codeOf(error)}). Name a writable folder, or leave data.cache out.`,
      );
    }
  }

  /** @param ids [B], @param bytes [B, M, M, 3] */
  put(ids: BigInt64Array, bytes: Uint8Array): void {
    const rowBytes = this.#shape.side ** 2 * 3;
    for (let start = 0; start < ids.length; ) {
      let end = start + 1;
      while (end < ids.length && ids[end] === ids[end - 1]! + 1n) end++;
      this.#write(bytes.subarray(start * rowBytes, end * rowBytes), Number(ids[start]) * rowBytes);
      start = end;
    }
  }

  /** Completes the file and gives it its name. */
  finish(sizes: Int32Array, problems: Problems): void {
    const { count, side } = this.#shape;
    const pictureBytes = count * side ** 2 * 3;
    const facts: PictureFileFacts = {
      count,
      side,
      sizes: digestOf(sizes),
      problems: { count: problems.count, first: [...problems.first] },
    };
    this.#write(FILE_MARK, -MARK_BYTES);
    this.#write(bytesOf(sizes), pictureBytes);
    this.#write(frameEnd(facts, FILE_MARK), pictureBytes + sizes.byteLength);
    this.#recordFailure(() => {
      fsyncSync(this.#descriptor); // a crash must not leave a name without its bytes
      renameSync(this.#temporary, this.#path);
      closeSync(this.#descriptor);
      this.#descriptor = -1;
    });
  }

  /** Removes an unfinished file. */
  close(): void {
    if (this.#descriptor < 0) return;
    try {
      closeSync(this.#descriptor);
      rmSync(this.#temporary, { force: true });
    } catch {
      // It is called after errors, which it must not hide; removeStale() tries again.
    }
    this.#descriptor = -1;
  }

  /** @param offset in bytes from the first picture */
  #write(bytes: Uint8Array, offset: number): void {
    this.#recordFailure(() => {
      for (let done = 0; done < bytes.length; )
        done += writeSync(this.#descriptor, bytes, done, bytes.length - done, MARK_BYTES + offset + done);
    });
  }

  #recordFailure(act: () => void): void {
    if (this.failed !== undefined) return;
    try {
      act();
    } catch (error) {
      this.failed = codeOf(error);
      this.close();
    }
  }
}

const bytesOf = (sizes: Int32Array) => new Uint8Array(sizes.buffer, sizes.byteOffset, sizes.byteLength);
const digestOf = (sizes: Int32Array) => createHash('sha256').update(bytesOf(sizes)).digest('hex');
const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code ?? String(error);

// Whole pictures of a data set in a file, so that the next run need not decode them: decoding a small JPEG costs a core a millisecond,
// reading it back a microsecond. Written beside its place and moved there when it is whole.
// The body: pictures [n, M, M, 3], sizes int32 [n, 2].
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { readFully } from '../data/dataset/tar.ts';
import type { Problems } from '../data/index.ts';
import { frameEnd, MARK_BYTES, markOf, readFacts } from '../data/pictures/framed-file.ts';
import { CoupletError } from '../errors.ts';
import { removeStale, temporaryName } from '../io/atomic.ts';

const MARK = markOf('couplet held 01');

const factsSchema = z.strictObject({
  count: z.int().min(1),
  side: z.int().min(1),
  /** SHA-256 of the sizes: crops are cut by them. */
  sizes: z.string(),
  problems: z.strictObject({
    count: z.int().min(0),
    first: z.array(z.strictObject({ name: z.string(), reason: z.string() })),
  }),
});

type PictureFileFacts = z.output<typeof factsSchema>;

/** Where the pictures of a data set are kept, held in one way. */
export function pictureFilePath(
  folder: string,
  of: { fingerprint: string; maxSide: number; captions: boolean },
): string {
  return join(folder, `${createHash('sha256').update(JSON.stringify(of)).digest('hex').slice(0, 32)}.held`);
}

/** A whole file, open to be read. */
export interface PictureFile extends Omit<PictureFileFacts, 'sizes'> {
  /** int32 [n, 2] */
  sizes: Int32Array;
  /** Rows [from, from + count) of the pictures, [count, M, M, 3]. */
  rows(from: number, count: number): Uint8Array;
  close(): void;
}

/** The file of that path; undefined when there is none, or it is not a whole one of this version. */
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
    mark: MARK,
    schema: factsSchema,
    bodyBytes: ({ count, side }) => count * (side ** 2 * 3 + 8),
  });
  const row = (facts?.side ?? 0) ** 2 * 3;
  const sizes = new Int32Array(count * 2);
  const fits = facts?.count === count && facts.side <= maxSide;
  if (fits) read(descriptor, bytesOf(sizes), MARK_BYTES + count * row);
  if (!fits || digestOf(sizes) !== facts.sizes) {
    close();
    return undefined;
  }
  const rows = (from: number, many: number) =>
    read(descriptor, new Uint8Array(many * row), MARK_BYTES + from * row);
  return { ...facts, sizes, rows, close };
}

function read<T extends Uint8Array>(descriptor: number, into: T, position: number): T {
  if (readFully(descriptor, into, position) < into.length)
    throw new CoupletError('data.cache: a file in it ends early. Delete the folder and start again.');
  return into;
}

/** Writes a file row by row, in any order. What goes wrong on the way costs the file and no more. */
export class PictureFileWriter {
  /** Why there will be no file. */
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
   * First removes what crashed processes left in the folder.
   * @throws CoupletError when nothing can be written there
   */
  static async open(path: string, shape: { count: number; side: number }): Promise<PictureFileWriter> {
    const folder = dirname(path);
    try {
      mkdirSync(folder, { recursive: true });
      await removeStale(folder);
      return new PictureFileWriter(path, shape);
    } catch (error) {
      throw new CoupletError(
        `data.cache: cannot write in ${folder} (${codeOf(error)}): name a folder that can be written, or leave data.cache out.`,
      );
    }
  }

  /** @param ids [B], @param bytes [B, M, M, 3] */
  put(ids: BigInt64Array, bytes: Uint8Array): void {
    const row = this.#shape.side ** 2 * 3;
    for (let from = 0; from < ids.length; ) {
      let to = from + 1;
      while (to < ids.length && ids[to] === ids[to - 1]! + 1n) to++;
      this.#write(bytes.subarray(from * row, to * row), Number(ids[from]) * row);
      from = to;
    }
  }

  /** Makes the file whole. */
  finish(sizes: Int32Array, problems: Problems): void {
    const { count, side } = this.#shape;
    const rows = count * side ** 2 * 3;
    const facts: PictureFileFacts = {
      count,
      side,
      sizes: digestOf(sizes),
      problems: { count: problems.count, first: [...problems.first] },
    };
    this.#write(MARK, -MARK_BYTES);
    this.#write(bytesOf(sizes), rows);
    this.#write(frameEnd(facts, MARK), rows + sizes.byteLength);
    this.#orFail(() => {
      fsyncSync(this.#descriptor); // or its name might outlive its bytes
      renameSync(this.#temporary, this.#path);
      closeSync(this.#descriptor);
      this.#descriptor = -1;
    });
  }

  /** Leaves nothing behind, unless it is finished. */
  close(): void {
    if (this.#descriptor < 0) return;
    closeSync(this.#descriptor);
    this.#descriptor = -1;
    rmSync(this.#temporary, { force: true });
  }

  /** @param at counted from the first picture */
  #write(bytes: Uint8Array, at: number): void {
    this.#orFail(() => {
      for (let done = 0; done < bytes.length; )
        done += writeSync(this.#descriptor, bytes, done, bytes.length - done, MARK_BYTES + at + done);
    });
  }

  #orFail(act: () => void): void {
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

import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { CaptionRules, ReadBytes } from './captions.ts';
import { type Columns, imageIn } from './columns.ts';
import type { DatasetIndex } from './dataset-index.ts';
import { readFully } from './tar.ts';

const MAX_OPEN_ARCHIVES = 128;
const MAX_FILE_BYTES = 512 * 2 ** 20;

/** Reads samples by id. Each worker thread has its own. */
export class Reader {
  readonly #index: DatasetIndex;
  /** Least recently used first. */
  readonly #open = new Map<number, number>();

  constructor(index: DatasetIndex) {
    this.#index = index;
  }

  /** The encoded image. @throws Error when the file is missing, too large, or shorter than the index says */
  image(id: number): Uint8Array {
    const { kind, container, offset, length } = this.#index.columns;
    if ((kind[id]! & 15) === imageIn.archive) return this.bytes(container[id]!, offset[id]!, length[id]!);
    return readWhole(this.#path(id));
  }

  /** Path of the sample, for messages. */
  name(id: number): string {
    const { kind, container, offset } = this.#index.columns;
    if ((kind[id]! & 15) === imageIn.file) return this.#path(id);
    return `${this.#index.containers[container[id]!]}, sample ${id} at byte ${offset[id]}`;
  }

  captionSource(id: number): { rules: CaptionRules; columns: Columns; read: ReadBytes } {
    const { rules, columns } = this.#index;
    let source = rules.length - 1;
    while (source > 0 && rules[source]!.start > id) source--;
    return { rules: rules[source]!, columns, read: this.#read };
  }

  readonly #read: ReadBytes = (container, offset, length) => this.bytes(container, offset, length);

  bytes(container: number, offset: number, length: number): Uint8Array {
    const bytes = Buffer.allocUnsafeSlow(length);
    const bytesRead = readFully(this.#descriptor(container), bytes, offset);
    if (bytesRead < length) throw new Error(`expected ${length} bytes, the archive has ${bytesRead}`);
    return bytes;
  }

  close(): void {
    for (const descriptor of this.#open.values()) closeSync(descriptor);
    this.#open.clear();
  }

  #path(id: number): string {
    const { container, offset, length, arena } = this.#index.columns;
    const name = arena.slice(offset[id]!, offset[id]! + length[id]!);
    return join(this.#index.containers[container[id]!]!, Buffer.from(name).toString('utf8'));
  }

  #descriptor(container: number): number {
    const known = this.#open.get(container);
    if (known !== undefined) this.#open.delete(container);
    else this.#makeRoom();
    const descriptor = known ?? openSync(this.#index.containers[container]!, 'r');
    this.#open.set(container, descriptor);
    return descriptor;
  }

  #makeRoom(): void {
    if (this.#open.size < MAX_OPEN_ARCHIVES) return;
    const [oldest, descriptor] = this.#open.entries().next().value!;
    closeSync(descriptor);
    this.#open.delete(oldest);
  }
}

function readWhole(path: string): Uint8Array {
  // O_NONBLOCK: a named pipe would block.
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) throw new Error('not a regular file');
    const { size } = stat;
    if (size > MAX_FILE_BYTES)
      throw new Error(`the file has ${size} bytes: expected at most ${MAX_FILE_BYTES}`);
    const bytes = Buffer.allocUnsafeSlow(size);
    return bytes.subarray(0, readFully(descriptor, bytes, 0));
  } finally {
    closeSync(descriptor);
  }
}

import { type FileHandle, open } from 'node:fs/promises';
import { CoupletError, withCleanUp } from '../errors.ts';
import { systemFailure } from '../io/system-error.ts';

/** A file that is only appended to. What a journal does not know of is cut off when it is opened again. */
export class GrowingFile {
  readonly #path: string;
  readonly #file: FileHandle;
  #length: number;

  private constructor(path: string, file: FileHandle, length: number) {
    this.#path = path;
    this.#file = file;
    this.#length = length;
  }

  /**
   * Opens a file whose first `length` bytes are known to be written; 0: a new one.
   * @throws CoupletError when it is shorter, and for errors of the system, as all methods
   */
  static async open(path: string, length: number): Promise<GrowingFile> {
    const file = await attempt(path, () => open(path, length === 0 ? 'w+' : 'r+'));
    try {
      const { size } = await file.stat();
      if (size < length)
        throw new CoupletError(
          `${path} has ${size} bytes: expected at least ${length}. Remove its folder and begin again.`,
        );
      if (size > length) await file.truncate(length);
      return new GrowingFile(path, file, length);
    } catch (error) {
      return withCleanUp<GrowingFile>(
        () => Promise.reject(error),
        () => file.close(),
      );
    }
  }

  get length(): number {
    return this.#length;
  }

  append(bytes: Uint8Array): Promise<void> {
    return attempt(this.#path, async () => {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, this.#length);
        done += bytesWritten;
        this.#length += bytesWritten;
      }
    });
  }

  /** Overwrites the beginning. */
  async rewrite(bytes: Uint8Array): Promise<void> {
    await attempt(this.#path, () => this.#file.write(bytes, 0, bytes.length, 0));
  }

  sync(): Promise<void> {
    return attempt(this.#path, () => this.#file.sync());
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

async function attempt<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    throw systemFailure(cause, 'Cannot write', path);
  }
}

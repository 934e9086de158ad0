import { CoupletError } from '../../errors.ts';
import { ThreadChannel, threadModule } from '../thread-channel.ts';
import type { ParquetAnswer, ParquetFacts, ParquetRequest, ParquetRows } from './parquet-thread.ts';
import { DamagedFile } from './problems.ts';

/** Of decoding, not of reading. */
const MOST_IDLE_SECONDS = 12;
/** The slowest decoder on a busy machine. */
const KIB_PER_SECOND = 5000;
const LOOK_EVERY_MS = 500;
const MAX_HANGS = 2;
const MAX_MEMORY_MB = 2048;

/** Reads Parquet files, one after the other, in a thread that is ended when a damaged file keeps it busy. */
export class ParquetReader {
  #channel: ThreadChannel<ParquetRequest, ParquetAnswer> | undefined;
  /** 1 while it reads the file, how often it read, and KiB of the last read. */
  #pulse = new Int32Array(new SharedArrayBuffer(12));
  #path = '';
  #hangs = 0;

  /** @throws DamagedFile */
  async open(path: string): Promise<ParquetFacts> {
    this.#path = path;
    this.#hangs = 0;
    return (await this.#ask({ type: 'open', path, pulse: this.#pulse })) as ParquetFacts;
  }

  /** @throws DamagedFile */
  async rows(rows: Omit<ParquetRequest & { type: 'rows' }, 'type'>): Promise<ParquetRows> {
    if (this.#hangs >= MAX_HANGS) throw new DamagedFile('too much before it was damaged');
    if (!this.#channel) await this.#ask({ type: 'open', path: this.#path, pulse: this.#pulse });
    return (await this.#ask({ type: 'rows', ...rows })) as ParquetRows;
  }

  async close(): Promise<void> {
    await this.#channel?.close(new CoupletError('The Parquet reader was closed.'));
    this.#channel = undefined;
  }

  async #ask(request: ParquetRequest): Promise<ParquetFacts | ParquetRows> {
    this.#channel ??= new ThreadChannel(threadModule(import.meta.url, './parquet-thread'), {
      name: 'The Parquet reader',
      start: undefined,
      maxMemoryMb: MAX_MEMORY_MB,
    });
    const watch = this.#watch();
    try {
      const answer = await Promise.race([this.#channel.request(request), watch.hangs]);
      if ('damaged' in answer) throw new DamagedFile(answer.damaged);
      return answer;
    } catch (error) {
      if (error instanceof CoupletError || error instanceof DamagedFile) throw error;
      this.#hangs++;
      await this.close();
      throw new DamagedFile((error as Error).message);
    } finally {
      watch.stop();
    }
  }

  #watch(): { hangs: Promise<never>; stop(): void } {
    let stop = () => {};
    const hangs = new Promise<never>((_, reject) => {
      let idle = 0;
      let reads = -1;
      const timer = setInterval(() => {
        const [reading, count, kib] = [0, 1, 2].map((field) => Atomics.load(this.#pulse, field));
        idle = reading || count !== reads ? 0 : idle + LOOK_EVERY_MS / 1000;
        reads = count!;
        if (idle > MOST_IDLE_SECONDS + kib! / KIB_PER_SECOND)
          reject(new Error('its decoding does not end: it is damaged'));
      }, LOOK_EVERY_MS);
      stop = () => clearInterval(timer);
    });
    return { hangs, stop: () => stop() };
  }
}

import { CoupletError } from '../../errors.ts';
import type { Job, JobResult } from './fill.ts';
import { ThreadChannel, threadModule } from './thread-channel.ts';
import type { WorkerStart } from './worker.ts';

const LONG_MS = 2 ** 30;

/** Worker threads that fill slabs. Keeps the process alive only while a job is under way. */
export class WorkerPool {
  readonly #workers: ThreadChannel<Job, JobResult>[];
  #failure: Error | undefined;
  #openJobs = 0;
  /** Holds the process instead of the workers: one that was unref'd and ref'd again was seen to let the process end. */
  #alive: NodeJS.Timeout | undefined;

  constructor(count: number, start: WorkerStart) {
    const url = threadModule(import.meta.url, './worker');
    this.#workers = Array.from({ length: count }, () => {
      const worker = new ThreadChannel<Job, JobResult>(url, { name: "A loader's worker", start });
      worker.unref();
      return worker;
    });
  }

  get size(): number {
    return this.#workers.length;
  }

  /** Gives a job to the least busy worker. After an error no job is taken. */
  async run(job: Job): Promise<JobResult> {
    if (this.#failure) throw this.#failure;
    const worker = this.#workers.reduce((a, b) => (b.pending < a.pending ? b : a));
    this.#openJobs++;
    this.#alive ??= setInterval(() => {}, LONG_MS);
    try {
      return await worker.request(job);
    } catch (error) {
      this.#failure ??= error as Error;
      throw error;
    } finally {
      if (--this.#openJobs === 0) {
        clearInterval(this.#alive);
        this.#alive = undefined;
      }
    }
  }

  async close(): Promise<void> {
    this.#failure ??= new CoupletError('The loader was closed.');
    const alive = setInterval(() => {}, LONG_MS); // the process waits for them
    await Promise.all(this.#workers.map((worker) => worker.close(this.#failure!)));
    clearInterval(alive);
  }
}

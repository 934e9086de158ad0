import { CoupletError } from '../../errors.ts';
import { ThreadChannel, threadModule } from '../thread-channel.ts';
import type { Job, JobResult } from './fill.ts';
import type { WorkerStart } from './worker.ts';

const KEEP_ALIVE_MS = 2 ** 30;

/** Keeps the process alive only while a job runs. */
export class WorkerPool {
  readonly #workers: ThreadChannel<Job, JobResult>[];
  #failure: Error | undefined;
  #openJobs = 0;
  /** Keeps the process alive; a worker's ref() after unref() may not. */
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

  /** Uses the least busy worker. After an error, rejects all jobs. */
  async run(job: Job): Promise<JobResult> {
    if (this.#failure) throw this.#failure;
    const worker = this.#workers.reduce((a, b) => (b.pendingRequests < a.pendingRequests ? b : a));
    this.#openJobs++;
    this.#alive ??= setInterval(() => {}, KEEP_ALIVE_MS);
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
    const alive = setInterval(() => {}, KEEP_ALIVE_MS);
    await Promise.all(this.#workers.map((worker) => worker.close(this.#failure!)));
    clearInterval(alive);
  }
}

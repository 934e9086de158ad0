import { Worker } from 'node:worker_threads';
import { CoupletError } from '../../errors.ts';
import { builtModule } from './built-module.ts';
import type { Job, JobResult } from './fill.ts';
import type { WorkerStart } from './worker.ts';

const LONG_MS = 2 ** 30;

interface Member {
  worker: Worker;
  pending: number;
}

interface Waiting {
  resolve(result: JobResult): void;
  reject(error: Error): void;
  member: Member;
}

/** Worker threads that fill slabs. Keeps the process alive only while a job is under way. */
export class WorkerPool {
  readonly #members: Member[] = [];
  readonly #waiting = new Map<number, Waiting>();
  #nextJob = 0;
  #failure: Error | undefined;
  /** While a job is under way: workers are not held, since one that was let go of and held again was seen to let the process end. */
  #alive: NodeJS.Timeout | undefined;

  constructor(count: number, start: WorkerStart) {
    const url = builtModule(import.meta.url, './worker');
    for (let i = 0; i < count; i++) this.#members.push(this.#start(url, start));
  }

  get size(): number {
    return this.#members.length;
  }

  /** Gives a job to the least busy worker. */
  run(job: Omit<Job, 'job'>): Promise<JobResult> {
    if (this.#failure) return Promise.reject(this.#failure);
    const member = this.#members.reduce((a, b) => (b.pending < a.pending ? b : a));
    const id = this.#nextJob++;
    member.pending++;
    this.#alive ??= setInterval(() => {}, LONG_MS);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, member });
      member.worker.postMessage({ ...job, job: id });
    });
  }

  async close(): Promise<void> {
    this.#fail(new CoupletError('The loader was closed.'));
    const alive = setInterval(() => {}, LONG_MS); // the process waits for them
    await Promise.all(this.#members.map(({ worker }) => worker.terminate()));
    clearInterval(alive);
  }

  #start(url: URL, workerData: WorkerStart): Member {
    const worker = new Worker(url, { workerData });
    const member = { worker, pending: 0 };
    worker.on('message', (message: { result?: JobResult; error?: string }) => {
      if (message.result) this.#finish(message.result);
      else this.#fail(new Error(`A loader's worker failed: ${message.error}`));
    });
    worker.on('error', (error) => this.#fail(error));
    worker.on('exit', (code) => this.#fail(new Error(`A loader's worker ended with code ${code}.`)));
    worker.unref();
    return member;
  }

  #finish(result: JobResult): void {
    const waiting = this.#waiting.get(result.job);
    if (!waiting) return;
    this.#waiting.delete(result.job);
    waiting.member.pending--;
    if (this.#waiting.size === 0) this.#rest();
    waiting.resolve(result);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
    this.#rest();
  }

  /** Lets the process end. */
  #rest(): void {
    clearInterval(this.#alive);
    this.#alive = undefined;
  }
}

import { Worker } from 'node:worker_threads';
import { CoupletError } from '../errors.ts';
import { builtModule } from './built-module.ts';
import type { Job, JobResult } from './fill.ts';
import type { WorkerStart } from './worker.ts';

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

  constructor(count: number, start: WorkerStart) {
    const url = builtModule(import.meta.url, './worker', 'data');
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
    if (member.pending++ === 0) member.worker.ref();
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, member });
      member.worker.postMessage({ ...job, job: id });
    });
  }

  async close(): Promise<void> {
    this.#fail(new CoupletError('The loader was closed.'));
    await Promise.all(this.#members.map(({ worker }) => worker.terminate()));
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
    if (--waiting.member.pending === 0) waiting.member.worker.unref();
    waiting.resolve(result);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }
}

import { FILES } from '../../layout.ts';
import type { Query, Reply, Search } from '../../protocol.ts';

type Found = Extract<Reply, { type: 'found' }>;
type Failed = Extract<Reply, { type: 'failed' }>;

interface ClientEvents {
  progress(reply: Extract<Reply, { type: 'progress' }>): void;
  ready(): void;
  found(found: Found): void;
  failed(sentence: string): void;
}

/** Searches in a worker. While one search runs, only the latest of the others waits. */
export class SearchClient {
  readonly #worker: Worker;
  readonly #events: ClientEvents;
  #running: Search | undefined;
  #waiting: Search | undefined;
  #count = 0;

  constructor(worker: Worker, events: ClientEvents) {
    this.#events = events;
    this.#worker = worker;
    this.#worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => this.#hear(data));
    this.#worker.addEventListener('error', () => {
      events.failed(
        `The search could not start: ${FILES.worker} is missing, or this browser is too old. Chrome 113, Firefox 114 and Safari 16.4 can.`,
      );
    });
  }

  search(query: Query, limit: number): void {
    this.#count++;
    this.#waiting = { id: this.#count, query, limit };
    this.#next();
  }

  /** Answers that are still to come no longer matter. */
  forget(): void {
    this.#count++;
    this.#waiting = undefined;
  }

  #next(): void {
    if (this.#running || !this.#waiting) return;
    this.#running = this.#waiting;
    this.#waiting = undefined;
    this.#worker.postMessage(this.#running);
  }

  #hear(reply: Reply): void {
    if (reply.type === 'progress') this.#events.progress(reply);
    else if (reply.type === 'ready') this.#events.ready();
    else if (reply.type === 'broken') this.#events.failed(reply.message);
    else this.#end(reply);
  }

  #end(reply: Found | Failed): void {
    this.#running = undefined;
    if (reply.id === this.#count) {
      if (reply.type === 'found') this.#events.found(reply);
      else this.#events.failed(reply.message);
    }
    this.#next();
  }
}

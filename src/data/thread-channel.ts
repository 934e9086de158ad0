import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parentPort, Worker } from 'node:worker_threads';
import { CoupletError } from '../errors.ts';

interface Reply<Response> {
  id: number;
  response?: Response;
  error?: Error;
  /** The error is a CoupletError: a message to a thread loses classes. */
  forUser?: boolean;
}

/** A thread that answers requests; its module calls `answerRequests`. */
export class ThreadChannel<Request, Response> {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve(response: Response): void; reject(error: Error): void }>();
  #nextId = 0;
  #failure: Error | undefined;

  /**
   * @param url of threadModule()
   * @param options.name in errors, @param options.start `workerData`
   * @param options.maxMemoryMb of objects; the thread ends with an error at more
   */
  constructor(
    url: URL,
    { name, start, maxMemoryMb }: { name: string; start: unknown; maxMemoryMb?: number },
  ) {
    const limits = maxMemoryMb && { resourceLimits: { maxOldGenerationSizeMb: maxMemoryMb } };
    this.#worker = new Worker(url, { workerData: start, ...limits });
    this.#worker.on('message', (reply: Reply<Response>) => this.#settle(reply));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', (code) => this.#fail(new Error(`${name} ended with code ${code}.`)));
  }

  get pendingRequests(): number {
    return this.#waiting.size;
  }

  request(request: Request): Promise<Response> {
    if (this.#failure) return Promise.reject(this.#failure);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, request });
    });
  }

  /** Lets the process end while the thread lives. */
  unref(): void {
    this.#worker.unref();
  }

  /** @param reason open requests are rejected with it */
  async close(reason: Error): Promise<void> {
    this.#fail(reason);
    await this.#worker.terminate();
  }

  #settle({ id, response, error, forUser }: Reply<Response>): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(forUser ? new CoupletError(error.message, { cause: error }) : error);
    else waiting?.resolve(response!);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }
}

/**
 * Answers a ThreadChannel's requests in its thread. An error rejects that request alone.
 * @param buffersOf memory to move instead of copy
 */
export function answerRequests<Request, Response>(
  answer: (request: Request) => Response | Promise<Response>,
  buffersOf: (response: Response) => ArrayBuffer[] = () => [],
): void {
  parentPort!.on('message', async ({ id, request }: { id: number; request: Request }) => {
    try {
      const response = await answer(request);
      parentPort!.postMessage({ id, response } satisfies Reply<Response>, buffersOf(response));
    } catch (error) {
      const forUser = error instanceof CoupletError;
      parentPort!.postMessage({ id, error: error as Error, forUser } satisfies Reply<Response>);
    }
  });
}

/**
 * Address of a thread's module. Node 20 cannot start a thread from TypeScript, so a module of `src` gets the built one of `dist`.
 * @throws CoupletError when it is not built
 */
export function threadModule(from: string, name: string): URL {
  const built = new URL(`${name}.js`, from.endsWith('.ts') ? inDist(from) : from);
  if (existsSync(built)) return built;
  throw new CoupletError(
    `A thread's module is not built: expected ${fileURLToPath(built)}. Run \`npm run build\` (npx tsc -p tsconfig.build.json).`,
  );
}

const inDist = (url: string) => url.replace(/^(.*)\/src\//, '$1/dist/');

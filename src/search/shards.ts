import { ThreadChannel, threadModule } from '../data/thread-channel.ts';
import type { NpyFile } from '../io/npy.ts';
import { coresOfRank } from '../torch/cores.ts';
import { best, type Match, Shard, type ShardPlan } from './shard.ts';

/** Fewer rows are searched in this thread. */
const MIN_THREAD_ROWS = 50_000;
/** WebAssembly has memories of 4 GiB. */
const MAX_SHARD_BYTES = 3 * 2 ** 30;
/** Codes, and beside them a product of each row. */
const bytesOfRow = (width: number) => width + 64;

/** All rows of a file. */
export interface Shards {
  nearest(query: Float64Array, k: number): Promise<Match[]>;
  close(): Promise<void>;
}

/** Reads the rows, shared out over threads. Throws a CoupletError for rows that are not finite, and when the file is cut. */
export async function openShards(
  path: string,
  header: NpyFile,
  { threads = coresOfRank() }: { threads?: number } = {},
): Promise<Shards> {
  const [rows, width] = header.shape as [number, number];
  const parts = rows < MIN_THREAD_ROWS ? 1 : threads;
  const count = Math.max(parts, Math.ceil((rows * bytesOfRow(width)) / MAX_SHARD_BYTES));
  const plans = Array.from({ length: count }, (_, part): ShardPlan => {
    const [first, end] = [part, part + 1].map((each) => Math.floor((rows * each) / count));
    return { path, header, first: first!, count: end! - first! };
  });
  return count === 1 ? here(new Shard(plans[0]!)) : inThreads(plans);
}

const here = (shard: Shard): Shards => ({
  nearest: async (query, k) => shard.nearest(query, k),
  close: async () => shard.close(),
});

type Request = { query: Float64Array; k: number } | undefined;

async function inThreads(plans: readonly ShardPlan[]): Promise<Shards> {
  const url = threadModule(import.meta.url, './search-worker');
  const channels = plans.map(
    (start) => new ThreadChannel<Request, Match[]>(url, { name: "A search's thread", start }),
  );
  const askAll = (request: Request) => Promise.all(channels.map((channel) => channel.request(request)));
  const close = async () => {
    await Promise.all(channels.map((channel) => channel.close(new Error('The search was closed.'))));
  };
  try {
    await askAll(undefined);
  } catch (error) {
    await close();
    throw error;
  }
  return { nearest: async (query, k) => best((await askAll({ query, k })).flat(), k), close };
}

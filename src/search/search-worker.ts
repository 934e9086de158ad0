import { workerData } from 'node:worker_threads';
import { answerRequests } from '../data/thread-channel.ts';
import { Shard, type ShardPlan } from './shard.ts';

let shard: Shard | undefined;

/** `undefined` reads the rows. */
answerRequests((request: { query: Float64Array; k: number } | undefined) => {
  shard ??= new Shard(workerData as ShardPlan);
  return request ? shard.nearest(request.query, request.k) : [];
});

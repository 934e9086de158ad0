import { workerData } from 'node:worker_threads';
import { answerRequests } from '../thread-channel.ts';
import { type Encode, type FillConfig, Filler, type Job } from './fill.ts';

export interface WorkerStart {
  fill: FillConfig;
  /** A TokenizerSpec. */
  tokenizer: unknown;
}

async function makeEncode(spec: unknown): Promise<Encode | undefined> {
  if (spec === undefined) return undefined;
  const { createTokenizer } = await import('../tokenizer/tokenizer.ts');
  const tokenizer = createTokenizer(spec as Parameters<typeof createTokenizer>[0]);
  return (text) => tokenizer.encode(text);
}

const { fill, tokenizer } = workerData as WorkerStart;
const filler = makeEncode(tokenizer).then((encode) => new Filler(fill, encode));

answerRequests(async (job: Job) => (await filler).run(job));

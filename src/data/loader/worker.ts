import { parentPort, workerData } from 'node:worker_threads';
import { type Encode, type FillConfig, Filler, type Job } from './fill.ts';

/** What a worker thread starts from. */
export interface WorkerStart {
  fill: FillConfig;
  /** A tokenizer's spec, as tokenizer.ts takes it. */
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

parentPort!.on('message', async (job: Job) => {
  try {
    parentPort!.postMessage({ result: await (await filler).run(job) });
  } catch (error) {
    parentPort!.postMessage({ error: (error as Error).stack ?? String(error) });
  }
});

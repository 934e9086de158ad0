// Trains in two processes on the CPU. With two GPUs the same program takes one GPU a process.
//
//   node --import jiti/register examples/two-processes.ts train.csv [STEPS]
//
// The program starts itself twice. Each process learns its place from the environment, as under torchrun or Slurm.
// The batch of 32 is that of both together, 16 each: the numbers are those of one process with the whole batch.
// The default of 40 steps takes some ten seconds on two cores. For a config file one flag does it:
//
//   npx couplet train CONFIG --nproc 2

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseConfig, train } from 'couplet';

const RANKS = 2;
const [trainCsv = 'train.csv', steps = '40'] = process.argv.slice(2);

if (process.env.RANK === undefined) await startRanks();
else await trainRank(Number(process.env.RANK));

/** Starts this program once a rank. MASTER_PORT is where rank 0 waits for the others. */
async function startRanks(): Promise<void> {
  const ranks = Array.from({ length: RANKS }, (_, rank) =>
    fork(fileURLToPath(import.meta.url), process.argv.slice(2), {
      env: {
        ...process.env,
        RANK: String(rank),
        LOCAL_RANK: String(rank),
        WORLD_SIZE: String(RANKS),
        LOCAL_WORLD_SIZE: String(RANKS),
        MASTER_ADDR: '127.0.0.1',
        MASTER_PORT: process.env.MASTER_PORT ?? '29500',
      },
    }),
  );
  const codes = await Promise.all(ranks.map(async (rank) => (await once(rank, 'exit'))[0] as number));
  process.exitCode = Math.max(...codes);
}

async function trainRank(rank: number): Promise<void> {
  const config = parseConfig({
    name: 'two-processes',
    model: {
      embedDim: 64,
      image: { imageSize: 32, patchSize: 8, width: 64, layers: 2, heads: 2, pool: 'mean' },
      text: { contextLength: 32, width: 64, heads: 2, layers: 1 },
    },
    method: { name: 'fastclip' },
    data: { train: { type: 'manifest', path: trainCsv }, tokenizer: { type: 'bpe', vocabSize: 520 } },
    batch: { globalBatchSize: 32 },
    duration: { steps: Number(steps) },
  });
  const { runDir, step } = await train(config);
  console.log(`rank ${rank}: ${step} steps done`);
  if (rank === 0) console.log(`rank 0 saved ${runDir}`);
}

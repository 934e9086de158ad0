// Stops a run in the middle and goes on, as after Ctrl-C or the time limit of a cluster.
//
//   node --import jiti/register examples/resume.ts train.csv [STEPS]
//
// A stopped run saves a checkpoint. On the CPU the weights at the end are those of a run that was never stopped, bit for bit.
// The default of 60 steps takes some ten seconds on two cores. The same from the command line:
//
//   npx couplet train CONFIG                    Ctrl-C finishes the step and saves
//   npx couplet train CONFIG --resume latest    goes on; from the beginning if there is no checkpoint yet

import { parseConfig, type TrainEvent, train } from 'couplet';

const [trainCsv = 'train.csv', steps = 60] = process.argv.slice(2);

const config = parseConfig({
  name: 'resume',
  model: {
    embedDim: 64,
    image: { imageSize: 32, patchSize: 8, width: 64, layers: 2, heads: 2, pool: 'mean' },
    text: { contextLength: 32, width: 64, heads: 2, layers: 1 },
  },
  method: { name: 'fastclip' },
  data: { train: { type: 'manifest', path: trainCsv }, tokenizer: { type: 'bpe', vocabSize: 520 } },
  batch: { globalBatchSize: 16 },
  duration: { steps: Number(steps) },
  log: { every: { steps: 1 } },
  // Also against a power cut: at most this much work is lost.
  checkpoint: { every: { steps: 20 }, keep: 2 },
});

// First: stop half way. Any AbortSignal will do, such as AbortSignal.timeout(3_600_000) for one hour.
const stop = new AbortController();
const stopHalfWay = (event: TrainEvent) => {
  if (event.type === 'log' && event.row.step! >= Number(steps) / 2) stop.abort();
};
const first = await train(config, { signal: stop.signal, onEvent: stopHalfWay });
console.log(`stopped at step ${first.step} of ${first.totalSteps}, finished: ${first.finished}`);

// Then: the same config with `resume`. Optimizer, data order and schedule continue at that step.
const second = await train(config, {
  resume: 'latest',
  onEvent: (event) => {
    if (event.type === 'start') console.log(`goes on at step ${event.step}`);
  },
});
console.log(`step ${second.step} of ${second.totalSteps}, finished: ${second.finished}`);

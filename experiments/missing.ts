// What the pages of docs/results still lack, in the order in which it is asked for.
// node --import jiti/register scripts/sweep.ts experiments/missing.ts --out DIR --gpus 0,1 --seconds 1400
//
// A run that a page's rows have as finished is left out; scripts/sweep-rows.ts makes such rows of what a sweep wrote.
import { finishedIn } from '../scripts/rows.ts';
import type { SweepRun } from '../scripts/sweep.ts';
import photos from './fastclip-photos.ts';
import schedule from './fastclip-schedule.ts';
import shortPhotos from './fastclip-short-photos.ts';
import ssl from './ssl.ts';

interface Part {
  runs: SweepRun[];
  only: RegExp;
  /** Files of docs/results/rows that have such runs. */
  measured: string[];
  /** Of a GPU. */
  share: number;
}

/** As many as a GPU of 80 GB had room for, and some to spare. */
const [SMALL, LARGE] = [1 / 5, 1 / 3];

const SSL = ['cifar10', 'cifar10-dino', 'tiny-imagenet-100', 'tiny-imagenet-100-dino'];

const parts: Part[] = [
  // An online run as a user gets it, and with patch 16 among its candidates.
  {
    ...{ runs: ssl, measured: SSL, share: LARGE },
    only: /^(tiny|cifar)-(moco-v3|simclr|dino)-online-(default|quarter)-/,
  },
  // More budget: does a schedule go on where a constant saturates, and what do the two techniques come to in a longer run?
  {
    ...{ runs: ssl, measured: SSL, share: LARGE },
    only: /^budget-(tiny|cifar)-(moco-v3|simclr)-(whole-120|patches|quarter|both)/,
  },
  { runs: schedule, only: /^long-/, measured: ['short-icons'], share: LARGE },
  // Seeds and compressions that lack.
  {
    ...{ runs: ssl, measured: SSL, share: LARGE },
    only: /^cifar-(moco-v3|simclr)-both-|^cifar-(moco-v3|simclr|dino)-.*-0|^tiny-dino-(patches|dropout-75)-/,
  },
  { runs: shortPhotos, only: /-v3-.*-0/, measured: ['short-photos'], share: LARGE },
  { runs: photos, only: /^(tiny|cifar)-(128|512)-|^tune-/, measured: ['photos'], share: SMALL },
];

const listed = parts.flatMap(({ runs, only, measured, share }) => {
  const known = new Set(measured.flatMap((file) => [...finishedIn(`docs/results/rows/${file}.jsonl`)]));
  return runs
    .filter(({ name }) => only.test(name) && !known.has(name))
    .map((run): SweepRun => ({ ...run, share }));
});
/** Where parts overlap the first counts. */
const missing = listed.filter(({ name }, i) => listed.findIndex((one) => one.name === name) === i);
export default missing;

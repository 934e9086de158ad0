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
  /** Files of docs/results that have such runs. */
  measured: string[];
  /** Of a GPU. */
  share: number;
}

/** As many as a GPU of 80 GB had room for, and some to spare. */
const [SMALL, LARGE] = [1 / 5, 1 / 3];

const parts: Part[] = [
  // DINO's bar: patch 16 was ahead half way.
  {
    ...{ runs: ssl, measured: ['ssl-tiny-imagenet-100-dino'], share: LARGE },
    only: /^tiny-dino-patches-16-|^tiny-dino-(patches-1|decay-0|ramp-0|dropout-50-0)$/,
  },
  // What an online run takes by default, and what an analysis gives at a quarter of a batch's compute: three seeds of each.
  {
    ...{ runs: ssl, measured: ['ssl-tiny-imagenet-100', 'ssl-cifar10'], share: LARGE },
    only: /^(tiny|cifar)-(moco-v3|simclr)-(quarter|online-quarter)-|^cifar-(moco-v3|simclr)-patches-/,
  },
  {
    runs: schedule,
    only: /^sched-(v3|clip)-online-quarter-/,
    measured: ['fastclip-schedule-3'],
    share: LARGE,
  },
  {
    ...{ runs: shortPhotos, measured: ['fastclip-short-photos'], share: LARGE },
    only: /^(tiny|cifar)-v3-(quarter|online-quarter|dropout-75|whole)-|-clip-whole-|-v3-.*-0/,
  },
  // More budget: does a constant compression saturate, and what do the two techniques come to in a longer run?
  { runs: ssl, only: /^budget-/, measured: ['ssl-cifar10'], share: LARGE },
  { runs: schedule, only: /^long-/, measured: ['fastclip-schedule-3'], share: LARGE },
  // Seeds and strategies that lack.
  {
    ...{ runs: ssl, measured: ['ssl-cifar10', 'ssl-cifar10-dino'], share: LARGE },
    only: /^cifar-(moco-v3|simclr)-both-|^cifar-(moco-v3|simclr|dino)-.*-0/,
  },
  { runs: photos, only: /^(tiny|cifar)-(128|512)-|^tune-/, measured: ['fastclip-photos'], share: SMALL },
];

const listed = parts.flatMap(({ runs, only, measured, share }) => {
  const known = new Set(measured.flatMap((file) => [...finishedIn(`docs/results/${file}.jsonl`)]));
  return runs
    .filter(({ name }) => only.test(name) && !known.has(name))
    .map((run): SweepRun => ({ ...run, share }));
});
/** Where parts overlap the first counts. */
const missing = listed.filter(({ name }, i) => listed.findIndex((one) => one.name === name) === i);
export default missing;

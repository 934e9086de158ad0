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
  linear?: boolean;
}

/** As many as a GPU of 80 GB had room for, and some to spare. */
const [SMALL, LARGE] = [1 / 5, 1 / 3];

const parts: Part[] = [
  // What a rule with less compute a gradient chooses: it may hold on photos too.
  {
    ...{ runs: ssl, measured: ['ssl-tiny-imagenet-100', 'ssl-cifar10', 'ssl-cifar10-dino'], share: LARGE },
    only: /^(tiny|cifar)-(moco-v3|simclr|dino)-(half|quarter|online-half|online-quarter)-/,
  },
  {
    ...{ runs: schedule, measured: ['fastclip-schedule-3'], share: LARGE },
    only: /^sched-(tune-.*|(v3|clip)-(half|quarter|online-half|online-quarter))-/,
  },
  // DINO on 256 patches, three seeds of what comes near.
  {
    ...{ runs: ssl, measured: ['ssl-tiny-imagenet-100-dino'], share: LARGE, linear: true },
    only: /^tiny-dino-(whole|both|patches)-|^tiny-dino-(decay|ramp|dropout-50)-0/,
  },
  // FastCLIP-v3 on short sequences of photos.
  {
    ...{ runs: shortPhotos, measured: ['fastclip-short-photos'], share: LARGE },
    only: /-(whole|none|patches|both|found|half|online-adam|online-half)-|-(dropout-75|ramp|online|quarter|adam)-0/,
  },
  // More budget: does a constant compression saturate, and what do the two techniques come to in a longer run?
  { runs: ssl, only: /^budget-/, measured: ['ssl-cifar10'], share: LARGE },
  { runs: schedule, only: /^long-/, measured: ['fastclip-schedule-3'], share: LARGE },
  // Seeds and strategies that lack.
  {
    ...{ runs: ssl, measured: ['ssl-cifar10'], share: LARGE, linear: true },
    only: /^cifar-simclr-(whole|both)-|^cifar-moco-v3-(whole|both)-1/,
  },
  {
    ...{ runs: ssl, measured: ['ssl-cifar10'], share: LARGE },
    only: /^cifar-(moco-v3|simclr)-(both|online-adam)-|^cifar-(moco-v3|simclr)-.*-0/,
  },
  { runs: ssl, only: /^cifar-dino-.*-0/, measured: ['ssl-cifar10-dino'], share: LARGE },
  { runs: photos, only: /^(tiny|cifar)-(128|512)-|^tune-/, measured: ['fastclip-photos'], share: SMALL },
];

const listed = parts.flatMap(({ runs, only, measured, share, linear }) => {
  const known = new Set(measured.flatMap((file) => [...finishedIn(`docs/results/${file}.jsonl`)]));
  return runs
    .filter(({ name }) => only.test(name) && !known.has(name))
    .map((run): SweepRun => ({ ...run, share, ...(linear && { linear }) }));
});
/** Where parts overlap the first counts. */
const missing = listed.filter(({ name }, i) => listed.findIndex((one) => one.name === name) === i);
export default missing;

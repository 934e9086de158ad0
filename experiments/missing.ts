// What the pages of docs/results still lack, in the order in which it is asked for.
// node --import jiti/register scripts/sweep.ts experiments/missing.ts --out DIR --gpus 0,1 --seconds 1400
//
// A run that a page's rows have as finished is left out; scripts/sweep-rows.ts makes such rows of what a sweep wrote.
import { finishedIn } from '../scripts/rows.ts';
import type { SweepRun } from '../scripts/sweep.ts';
import icons from './fastclip-icons.ts';
import photos from './fastclip-photos.ts';
import schedule from './fastclip-schedule.ts';
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
  // What settings are chosen by, longest runs first.
  {
    ...{ runs: schedule, measured: ['fastclip-schedule-3'], share: LARGE },
    only: /^(sched-tune|long-tune)-/,
  },
  {
    ...{ runs: icons, measured: ['fastclip-icons-4', 'fastclip-icons-512'], share: SMALL },
    only: /^tune(10|512)-/,
  },
  // Short sequences: three seeds of what is best and of what chooses for itself.
  {
    ...{ runs: ssl, measured: ['ssl-tiny-imagenet-100-dino'], share: LARGE },
    only: /^tiny-dino-(whole|patches)-|^tiny-dino-(none|both|dropout-75|online-adam)-0/,
  },
  {
    ...{ runs: ssl, measured: ['ssl-tiny-imagenet-100'], share: LARGE, linear: true },
    only: /^tiny-(moco-v3|simclr)-(whole|both|online-adam)-/,
  },
  // FastCLIP on photos: the two with three seeds, then the others.
  { runs: photos, only: /^(tiny|cifar)-(128|512)-/, measured: ['fastclip-photos'], share: SMALL },
  // Icons: the settings that were chosen, the two techniques alone and together.
  {
    ...{ runs: icons, measured: ['fastclip-icons-4', 'fastclip-icons-512'], share: SMALL },
    only: /^(e10|e14|b512-(clip|v3))-/,
  },
  {
    ...{ runs: schedule, measured: ['fastclip-schedule-3'], share: LARGE },
    only: /^(long-(clip|v3)-|sched-(v3|clip)-(none|found|adam|online-adam)-|sched-v3-(ramp|online|timed)-0)/,
  },
  // Each strategy once.
  {
    ...{ runs: ssl, measured: ['ssl-tiny-imagenet-100'], share: LARGE, linear: true },
    only: /^tiny-(moco-v3|simclr)-.*-0/,
  },
  {
    ...{ runs: ssl, measured: ['ssl-cifar10-dino'], share: LARGE },
    only: /^cifar-dino-(none|online-adam)-|^cifar-dino-.*-0/,
  },
  { runs: ssl, only: /^cifar-(moco-v3|simclr)-.*-0|^budget-/, measured: ['ssl-cifar10'], share: LARGE },
  // The other methods on icons.
  {
    runs: icons,
    only: /^b(128-(?!clip|v3)|512-)/,
    measured: ['fastclip-icons-3', 'fastclip-icons-4', 'fastclip-icons-512'],
    share: SMALL,
  },
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

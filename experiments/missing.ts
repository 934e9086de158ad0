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
  // FastCLIP on photos: the two with three seeds, then the others.
  { runs: photos, only: /^(tiny|cifar)-(128|512)-/, measured: ['fastclip-photos'], share: SMALL },
  // Icons: runs of other lengths, a larger batch, the other methods with the settings of whole runs.
  { runs: icons, only: /^(tune10|e10|e14)-/, measured: ['fastclip-icons-4'], share: SMALL },
  { runs: icons, only: /^b512-(clip|v3)/, measured: ['fastclip-icons-4'], share: SMALL },
  // Short sequences: seeds of what is best, then each strategy once.
  {
    ...{ runs: ssl, measured: ['ssl-tiny-imagenet-100'], share: LARGE, linear: true },
    only: /^tiny-(moco-v3|simclr)-(whole|both)-|^tiny-(moco-v3|simclr)-.*-0/,
  },
  {
    ...{ runs: ssl, measured: ['ssl-cifar10-dino'], share: LARGE, linear: true },
    only: /^cifar-dino-(?!none|whole).*-0/,
  },
  {
    runs: schedule,
    only: /^sched-(v3-(?!both|patches|late).*-0|tune-.*-4)/,
    measured: ['fastclip-schedule-3'],
    share: LARGE,
  },
  { runs: ssl, only: /^cifar-(moco-v3|simclr)-.*-0/, measured: ['ssl-cifar10'], share: LARGE },
  {
    runs: icons,
    only: /^b(128-(?!clip|v3)|512-)/,
    measured: ['fastclip-icons-3', 'fastclip-icons-4'],
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

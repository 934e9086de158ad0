import { type Group, isSearch } from '../groups.ts';
import { readRows } from '../rows.ts';
import type { Row } from '../sweep-rows.ts';
import { groupsIn, metricOf, percent, resultOf, rowsOf, table } from './tables.ts';

/** Files of docs/results/rows and what they are, in the order of the page. */
export const FILES: Record<string, string> = {
  'tiny-imagenet-100': 'MoCo v3 and SimCLR on tiny-imagenet-100, 256 patches',
  'tiny-imagenet-100-dino': 'DINO on tiny-imagenet-100, 256 patches',
  cifar10: 'MoCo v3 and SimCLR on CIFAR-10, 64 patches',
  'cifar10-dino': 'DINO on CIFAR-10, 64 patches',
  'short-icons': 'FastCLIP-v3 and OpenCLIP on icons, 256 patches',
  'short-photos': 'FastCLIP-v3 and OpenCLIP on photos, patches of 4 pixels',
  'icons-128': 'All losses on icons, batch 128, 20 epochs',
  'icons-128-shorter': 'FastCLIP-v3 and OpenCLIP on icons, batch 128, 10 and 14 epochs, and stronger crops',
  'icons-512': 'All losses on icons, batch 512, 20 epochs',
  photos: 'All losses on photos, 8 epochs',
  'cifar10-zero-shot': 'FastCLIP-v3 on CIFAR-10 with class names, 60 epochs',
  'fine-tune': 'A CLIP of one shop, fine-tuned on photos of another',
  'earlier-online-rules': 'Earlier rules of `compression.online`',
};

const INTRODUCTION = `# Appendix: every setting that was run

Written by \`node --import jiti/register scripts/results.ts\` from the [rows](rows); do not edit.

Names of runs are those of \`experiments/\`: \`scripts/sweep.ts --only NAME\` runs one, \`scripts/sweep-report.ts\` draws it. [Words](README.md#words) are explained beside the index.
Values are percent, means over runs: one for each seed, or equally many. Of a search over settings (\`best of\`) the best run is shown. A \`cut\` run was stopped early. \`late\` and \`early\` are earlier rules of \`compression.online\`.

* \`none\`: whole sequences for the short time; \`whole\`: for the long time; \`decay\`: as \`none\`, with polynomial decay of the learning rate
* \`patches\`: patches twice as large; \`patches-16\`: of 16 pixels; \`dropout-75\`: token dropout 0.75; \`ramp\`: dropout 0.75, 0.5, 0.25, 0
* \`both\`: patches twice as large, with dropout 0.75, from 30 % of the run with 0.5; from 90 % whole; \`late\`: dropout 0.75 until 75 %
* \`found\`, \`adam\`: schedules from an analysis for the compute of one batch, by the raw gradient and in Adam's scale; \`half\`, \`quarter\`: in Adam's scale for less; \`timed\`: with seconds as cost
* \`online\`: chosen while training, by the raw gradient; \`online-adam\`, \`-half\`, \`-quarter\`: in Adam's scale; \`online-default\`: with default options`;

const [SSL_PHOTOS, SSL_CIFAR] = ['tiny-imagenet-100', 'cifar10'];
/** Kinds of run, by file and the start of a name. */
const PAIRS: [words: string, file: string, prefix: string][] = [
  ['FastCLIP-v3, icons', 'short-icons', 'sched-v3'],
  ['FastCLIP-v3, CIFAR-10', 'short-photos', 'cifar-v3'],
  ['FastCLIP-v3, tiny-imagenet-100', 'short-photos', 'tiny-v3'],
  ['OpenCLIP, icons', 'short-icons', 'sched-clip'],
  ['MoCo v3, tiny-imagenet-100', SSL_PHOTOS, 'tiny-moco-v3'],
  ['MoCo v3, CIFAR-10', SSL_CIFAR, 'cifar-moco-v3'],
  ['SimCLR, tiny-imagenet-100', SSL_PHOTOS, 'tiny-simclr'],
  ['SimCLR, CIFAR-10', SSL_CIFAR, 'cifar-simclr'],
  ['DINO, tiny-imagenet-100', `${SSL_PHOTOS}-dino`, 'tiny-dino'],
  ['DINO, CIFAR-10', `${SSL_CIFAR}-dino`, 'cifar-dino'],
];
const KINDS = ['none', 'dropout-75', 'patches', 'patches-16', 'ramp', 'both', 'found', 'adam', 'quarter'];
const ONLINE_KINDS = ['online-adam', 'online-quarter', 'online-default'];

export function appendix(): string {
  const sections = Object.entries(FILES).map(([file, words]) => `## ${words}\n\n${runsOf(file)}`);
  return `${[INTRODUCTION, comparison(), ...sections, stepTimes()].join('\n\n')}\n`;
}

function comparison(): string {
  const rows = PAIRS.map(([words, file, prefix]) => {
    const groups = new Map(groupsIn(file).map((group) => [group.name, group]));
    const cells = [...KINDS, ...ONLINE_KINDS].map((kind) => {
      const group = groups.get(`${prefix}-${kind}`);
      return group && !group.isCut ? percent(resultOf(group).value) : '';
    });
    return [words, ...cells];
  });
  return `## Compressions side by side

After the same short time: k-NN, zero-shot top-1 (FastCLIP-v3 on photos) or mean recall (icons). Empty: not run, cut, or by an earlier rule only.

${table(['', ...KINDS, ...ONLINE_KINDS], rows)}`;
}

function runsOf(file: string): string {
  const groups = groupsIn(file);
  const metrics = [...new Set(rowsOf(file).map((row) => metricOf(row).words))];
  const hasLinear = groups.some(({ runs }) => linearOf(runs) !== undefined);
  const head = ['run', 'length', metrics.join(' or '), 'lowest', 'highest', 'runs'];
  const rows = groups.map((group) => {
    const { value, lowest, highest } = resultOf(group);
    const best = bestOf(group);
    const isOne = group.finals.length === 1;
    const linear = linearOf(group.runs);
    return [
      nameOf(group, best),
      lengthOf(best),
      percent(value),
      isOne ? '' : percent(lowest),
      isOne ? '' : percent(highest),
      String(group.finals.length),
      ...(hasLinear ? [linear === undefined ? '' : percent(linear)] : []),
    ];
  });
  return table([...head, ...(hasLinear ? ['linear'] : [])], rows);
}

function bestOf({ runs, finals }: Group): Row {
  return runs[finals.indexOf(Math.max(...finals))]!;
}

function nameOf({ name, runs, isCut }: Group, best: Row): string {
  const rule = best.rule ? ` (${best.rule})` : '';
  const search = isSearch(name) && runs.length > 1 ? `, best of ${runs.length}` : '';
  const shown = search ? best.name : name.split(',')[0];
  return `\`${shown}\`${search}${rule}${isCut ? ', cut' : ''}`;
}

/** Of one run, as asked for; without that, as far as it came. */
function lengthOf(row: Row): string {
  const { seconds, epochs } = (row.duration ?? {}) as { seconds?: number; epochs?: number };
  if (seconds !== undefined) return `${Number(seconds.toFixed(1))} s`;
  if (epochs !== undefined) return `${epochs} epochs`;
  const last = (row.seconds as number[] | undefined)?.at(-1);
  return last === undefined ? `${row.step.at(-1)} steps` : `${Number(last.toFixed(1))} s`;
}

function linearOf(runs: readonly Row[]): number | undefined {
  const values = runs.flatMap(({ linearTop1 }) => (linearTop1 === undefined ? [] : [linearTop1 as number]));
  return values.length === 0 ? undefined : values.reduce((a, b) => a + b) / values.length;
}

interface StepTime {
  run: string;
  tokenDropout: number;
  patchSize: number;
  ms: number;
}

function stepTimes(): string {
  const times = readRows<StepTime>('docs/results/rows/step-times.jsonl');
  const runs = [...new Set(times.map(({ run }) => run))];
  const rows = runs.map((run) => {
    const rowsOfRun = times.filter((row) => row.run === run);
    const patch = Math.min(...rowsOfRun.map(({ patchSize }) => patchSize));
    const ms = (tokenDropout: number, patchSize: number) => {
      const row = rowsOfRun.find((one) => one.tokenDropout === tokenDropout && one.patchSize === patchSize);
      return row === undefined ? '' : row.ms.toFixed(1);
    };
    const coarse = 2 * patch;
    return [
      `\`${run}\``,
      ms(0, patch),
      ms(0.5, patch),
      ms(0.75, patch),
      ms(0, coarse),
      ms(0.5, coarse),
      ms(0.75, coarse),
    ];
  });
  const head = ['run', 'whole', 'dropout 0.5', '0.75', 'patches twice as large', 'with 0.5', 'with 0.75'];
  return `## Time of a step

Milliseconds, alone on one NVIDIA H100 or H200 (\`bench/step-times.ts\`); all compressions are in [step-times.jsonl](rows/step-times.jsonl).

${table(head, rows)}`;
}

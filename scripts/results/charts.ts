import { sequenceLength } from '../../src/compress/compression.ts';
import { type Group, reaches } from '../groups.ts';
import { type Curve, lineChart, numberLabel, samplesLabel } from '../line-chart.ts';
import { readRows } from '../rows.ts';
import { groupsIn } from './tables.ts';

interface Chart {
  title: string;
  files: string[];
  x: 'seconds' | 'samples';
  /** Where the vertical axis begins; 0 without. */
  from?: number;
  /** A setting, and what its curve is called. */
  curves: [group: string, label: string][];
}

/** Charts of runs. */
const CHARTS: Record<string, Chart> = {
  cifar10: {
    title: 'CIFAR-10 from class names: zero-shot top-1',
    files: ['cifar10-zero-shot'],
    x: 'samples',
    from: 0.5,
    curves: [['cifar10', 'FastCLIP-v3']],
  },
  'moco-v3': {
    title: 'MoCo v3 on tiny-imagenet-100: k-NN accuracy',
    files: ['tiny-imagenet-100'],
    x: 'seconds',
    curves: [
      ['tiny-moco-v3-quarter', 'schedule from an analysis'],
      ['tiny-moco-v3-both', 'schedule by hand'],
      ['tiny-moco-v3-whole', 'whole sequences, 60 s'],
      ['tiny-moco-v3-none', 'whole sequences, 15 s'],
    ],
  },
  simclr: {
    title: 'SimCLR on tiny-imagenet-100: k-NN accuracy',
    files: ['tiny-imagenet-100'],
    x: 'seconds',
    curves: [
      ['tiny-simclr-quarter', 'schedule from an analysis'],
      ['tiny-simclr-online-quarter', 'chosen while training'],
      ['tiny-simclr-whole', 'whole sequences, 60 s'],
      ['tiny-simclr-none', 'whole sequences, 18 s'],
    ],
  },
  dino: {
    title: 'DINO on tiny-imagenet-100: k-NN accuracy',
    files: ['tiny-imagenet-100-dino'],
    x: 'seconds',
    curves: [
      ['tiny-dino-patches-16', 'patch 16'],
      ['tiny-dino-both', 'schedule by hand'],
      ['tiny-dino-whole', 'whole sequences, 150 s'],
      ['tiny-dino-none', 'whole sequences, 60 s'],
    ],
  },
  'short-on-cifar10': {
    title: 'SimCLR on CIFAR-10: k-NN accuracy',
    files: ['cifar10'],
    x: 'seconds',
    from: 0.4,
    curves: [
      ['cifar-simclr-both', 'schedule by hand'],
      ['cifar-simclr-patches', 'patch 8'],
      ['cifar-simclr-whole', 'whole sequences, 60 s'],
      ['cifar-simclr-none', 'whole sequences, 18 s'],
    ],
  },
  'short-sequences': {
    title: 'SimCLR on tiny-imagenet-100, 256 patches: k-NN accuracy',
    files: ['tiny-imagenet-100'],
    x: 'seconds',
    curves: [
      ['budget-tiny-simclr-quarter-60', 'short, 60 s'],
      ['tiny-simclr-quarter', 'short, 18 s'],
      ['tiny-simclr-whole', 'whole, 60 s'],
      ['tiny-simclr-none', 'whole, 18 s'],
    ],
  },
  saturation: {
    title: 'SimCLR on CIFAR-10: k-NN accuracy',
    files: ['cifar10'],
    x: 'seconds',
    from: 0.4,
    curves: [
      ['budget-cifar-simclr-patches-120', 'patch 8, 120 s'],
      ['cifar-simclr-patches', 'patch 8, 18 s'],
      ['budget-cifar-simclr-whole-120', 'whole, 120 s'],
      ['cifar-simclr-none', 'whole, 18 s'],
    ],
  },
  'fastclip-icons': {
    title: 'held-out icons, 20 epochs: mean recall',
    files: ['icons-128', 'icons-512'],
    x: 'samples',
    curves: [
      ['b128-v3', 'FastCLIP-v3, batch 128'],
      ['b128-clip', 'OpenCLIP, batch 128'],
      ['b512-v3', 'FastCLIP-v3, batch 512'],
      ['b512-clip', 'OpenCLIP, batch 512'],
    ],
  },
  'fastclip-photos': {
    title: 'tiny-imagenet-100, batch 128: zero-shot top-1',
    files: ['photos'],
    x: 'samples',
    curves: [
      ['tiny-128-clip', 'OpenCLIP'],
      ['tiny-128-v0', 'FastCLIP-v0'],
      ['tiny-128-v3', 'FastCLIP-v3'],
      ['tiny-128-siglip', 'SigLIP'],
    ],
  },
  'found-schedule': {
    title: 'FastCLIP-v3 on CIFAR-10: zero-shot top-1',
    files: ['short-photos'],
    x: 'seconds',
    from: 0.5,
    curves: [
      ['cifar-v3-quarter', 'schedule from an analysis'],
      ['cifar-v3-ramp', 'ramp by hand'],
      ['cifar-v3-dropout-75', 'dropout 0.75'],
      ['cifar-v3-none', 'whole sequences'],
    ],
  },
  online: {
    title: 'FastCLIP-v3 on held-out icons: mean recall',
    files: ['short-icons'],
    x: 'seconds',
    curves: [
      ['sched-v3-online-default', 'chosen while training'],
      ['sched-v3-found', 'schedule from an analysis'],
      ['sched-v3-dropout-75', 'dropout 0.75'],
      ['sched-v3-none', 'whole sequences'],
    ],
  },
  'both-papers': {
    title: 'held-out icons, 256 patches: mean recall',
    files: ['short-icons'],
    x: 'seconds',
    curves: [
      ['sched-clip-online-default', 'OpenCLIP, short, 27 s'],
      ['sched-v3-online-default', 'FastCLIP-v3, short, 27 s'],
      ['sched-v3-none', 'FastCLIP-v3, whole, 27 s'],
      ['sched-clip-none', 'OpenCLIP, whole, 27 s'],
      ['sched-clip-whole', 'OpenCLIP, whole, 80 s'],
    ],
  },
};

/** All charts that are drawn from rows, by the name of their file. */
export const charts = (): Record<string, string> => ({
  ...Object.fromEntries(Object.entries(CHARTS).map(([name, chart]) => [name, draw(chart)])),
  'compressed-step': stepChart(),
});

function draw({ title, files, x, from = 0, curves }: Chart): string {
  const groups = new Map(files.flatMap((file) => groupsIn(file, x)).map((group) => [group.name, group]));
  const isSamples = x === 'samples';
  return lineChart(
    curves.map(([name, label]) => ({ name: label, points: groupOf(groups, name).curve })),
    {
      metric: title,
      over: isSamples ? 'samples seen' : 'seconds of training',
      from,
      formatX: isSamples ? samplesLabel : numberLabel,
      formatY: (value) => `${numberLabel(100 * value)} %`,
    },
  );
}

function groupOf(groups: Map<string, Group>, name: string): Group {
  const group = groups.get(name);
  if (!group) throw new Error(`a chart shows ${name}, which no file of rows has`);
  return group;
}

interface StepRow {
  method: string;
  tokenDropout: number;
  patchSize: number;
  imageSize: number;
  ms_per_step: number;
  /** By the cost model, as a share of the whole step. */
  predicted: number;
}

/** Time per step over tokens, measured and by the cost model, from what bench/compressed-step.ts prints. */
function stepChart(): string {
  const rows = readRows<StepRow>('docs/results/rows/compressed-step.jsonl');
  const methods = { simclr: 'SimCLR', 'moco-v3': 'MoCo v3' };
  const curves = Object.entries(methods).flatMap(([method, label]): Curve[] => {
    const steps = rows.filter((row) => row.method === method);
    const whole = Math.max(...steps.map((row) => row.ms_per_step));
    const points = (msOf: (row: StepRow) => number) =>
      steps.map((row) => ({ x: sequenceLength(row.imageSize, row), y: msOf(row) }));
    return [
      { name: `${label}, measured`, points: points((row) => row.ms_per_step) },
      { name: `${label}, cost model`, points: points((row) => row.predicted * whole) },
    ];
  });
  return lineChart(curves, {
    metric: 'ViT-B/16, batch 256: milliseconds per step',
    over: 'tokens of a shortened view',
    from: 0,
    formatX: String,
    formatY: String,
  });
}

/** Of the length of `against`, the share after which `name` is as good as `against` is at its end. */
export function shareToReach(file: string, name: string, against: string, x: Chart['x']): number | undefined {
  const groups = new Map(groupsIn(file, x).map((group) => [group.name, group]));
  const goal = groupOf(groups, against).curve.at(-1)!;
  const reached = reaches(groupOf(groups, name).curve, goal.y);
  return reached === undefined ? undefined : reached / goal.x;
}

import { dirname, join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { RuleOptions, ScheduleResult } from '../analysis/index.ts';

interface ScheduleFlags {
  out?: string;
  monotone?: boolean;
  interpolate?: boolean;
  gradientCompute?: number;
  parameters?: string;
  stepTimes?: string;
  json?: boolean;
}

export function addSchedule(program: Command): void {
  program
    .command('schedule')
    .summary('compression schedule from an analysis')
    .description(
      'Writes a schedule.json: the compression whose gradients have the least error for their cost, at each moment of a run. A config uses it as compression.file.',
    )
    .argument('<analysis>', 'analysis.json that couplet analyze wrote')
    .option('--out <file>', 'path of the schedule; default schedule.json beside the analysis')
    .option('--monotone', 'schedule without any stage that compresses more than the one before')
    .option(
      '--interpolate',
      'errors between two snapshots, interpolated from both; default those of the nearer snapshot',
    )
    .option(
      '--gradient-compute <factor>',
      'compute of one gradient, as a multiple of a full batch; default 1. Smaller values favour shorter sequences',
      factor,
    )
    .addOption(new Option('--budget <factor>').argParser(refuseBudget).hideHelp())
    .option(
      '--parameters <group>',
      "parameters that count: 'all', the 'image' tower's, or 'adam' (all, in the scale of Adam's steps)",
      'all',
    )
    .option(
      '--step-times <file>',
      'file of measured step times, used as costs (bench/step-times.ts --out); default costs by number of tokens',
    )
    .option('--json', 'output as JSON')
    .addHelpText(
      'after',
      `
The default is the rule of Lin et al. (2024). The second example gives shorter
sequences, which trained better in our runs (docs/results/found-schedule.md).
It needs an analysis with --adam.

Examples:
  couplet schedule runs/moco/analysis.json
  couplet schedule runs/moco/analysis.json --parameters adam --gradient-compute 0.25

Next:
  couplet train moco.ts --set compression.file=runs/moco/schedule.json`,
    )
    .action(scheduleVerb);
}

function factor(text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('Expected a number above 0, such as 0.25 or 4.');
}

function refuseBudget(): never {
  throw new InvalidArgumentError('Use its new name, --gradient-compute.');
}

const OTHER_GRADIENT_COMPUTES = [
  { times: 0.25, name: 'a quarter of' },
  { times: 4, name: 'four times' },
];

async function scheduleVerb(
  path: string,
  { out, json, stepTimes, gradientCompute = 1, ...flags }: ScheduleFlags,
): Promise<void> {
  const { readAnalysis, readStepTimes, scheduleOf } = await import('../analysis/index.ts');
  const { writeFileAtomically } = await import('../io/atomic.ts');
  const analysis = readAnalysis(path);
  const options: RuleOptions = {
    ...flags,
    gradientCompute,
    ...(stepTimes !== undefined && { stepTimes: readStepTimes(stepTimes) }),
  };
  const result = scheduleOf(analysis, options);
  const others = OTHER_GRADIENT_COMPUTES.map(({ times, name }) => {
    const other = { ...options, gradientCompute: times * gradientCompute };
    return {
      name,
      gradientCompute: other.gradientCompute,
      stages: scheduleOf(analysis, other).file.stages,
    };
  });
  const file = out ?? join(dirname(path), 'schedule.json');
  await writeFileAtomically(file, `${JSON.stringify(result.file, null, 2)}\n`);
  console.log(
    json
      ? JSON.stringify({ ...result, others: others.map(({ name: _, ...other }) => other) }, null, 2)
      : linesOf(result, { file, others }).join('\n'),
  );
}

type Stages = ScheduleResult['file']['stages'];

function linesOf(
  { file: { stages }, snapshots, meanCost, wholeCost }: ScheduleResult,
  { file, others }: { file: string; others: { name: string; stages: Stages }[] },
): string[] {
  const open = snapshots.filter(({ alike }) => alike.length > 0);
  return [
    ...stages.map((stage) => `from ${percent(stage.from).padStart(6)}  ${nameOf(stage)}`),
    `mean cost ${meanCost.toPrecision(3)} of ${wholeCost.toPrecision(3)} forwards a sample: ${(wholeCost / meanCost).toPrecision(2)} times the samples`,
    ...others.map(({ name, stages: other }) => `at ${name} the gradient compute: ${inLine(other)}`),
    ...open.map(
      ({ progress, best, alike }) =>
        `at ${percent(progress)} the samples do not tell ${nameOf(best)} from ${alike.map(nameOf).join('; ')}`,
    ),
    `saved ${file}; train with --set compression.file=${file}`,
  ];
}

const percent = (share: number) => `${Math.round(share * 1000) / 10} %`;
const nameOf = ({ tokenDropout, patchSize }: { tokenDropout: number; patchSize?: number | undefined }) =>
  `dropout ${tokenDropout}, patch ${patchSize}`;
const inLine = (stages: Stages) =>
  stages.map((stage) => `${nameOf(stage)} from ${percent(stage.from)}`).join('; ');

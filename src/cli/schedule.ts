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
    .summary('make a schedule of compression from an analysis')
    .description(
      'Make a schedule.json, for compression.file in a config: the compression of least cost-adjusted error at each moment of a run.',
    )
    .argument('<analysis>', 'the analysis.json that couplet analyze wrote')
    .option('--out <file>', 'path of the schedule; default schedule.json beside the analysis')
    .option('--monotone', 'never compress more than before')
    .option('--interpolate', 'take errors between two snapshots from both; default from the nearer one')
    .option(
      '--gradient-compute <factor>',
      'compute of one gradient, as a multiple of a full batch; default 1. Smaller values favour shorter sequences',
      factor,
    )
    .addOption(new Option('--budget <factor>').argParser(refuseBudget).hideHelp())
    .option(
      '--parameters <group>',
      "parameters whose gradient counts: 'all' that learn, the 'image' tower's, or 'adam', all in its scale",
      'all',
    )
    .option(
      '--step-times <file>',
      'table of measured step times (bench/step-times.ts --out), which gives the costs; default by tokens',
    )
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
The default is the paper's rule. In our runs shorter sequences trained better
(docs/results/found-schedule.md): --parameters adam --gradient-compute 0.25, of an
analysis made with --adam.

Examples:
  couplet schedule runs/moco/analysis.json
  couplet schedule runs/moco/analysis.json --parameters adam --gradient-compute 0.25 --monotone --out fast.json
  couplet train moco.ts --set compression.file=runs/moco/schedule.json`,
    )
    .action(scheduleVerb);
}

function factor(text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('expected a number above 0, as 0.25 or 4.');
}

function refuseBudget(): never {
  throw new InvalidArgumentError('--budget is now called --gradient-compute: use that.');
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

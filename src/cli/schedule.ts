import { dirname, join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import type { FoundSchedule, RuleOptions } from '../analysis/index.ts';

interface ScheduleFlags {
  out?: string;
  monotone?: boolean;
  interpolate?: boolean;
  budget?: number;
  parameters?: string;
  stepTimes?: string;
  json?: boolean;
}

/** `couplet schedule ANALYSIS`. */
export function addSchedule(program: Command): void {
  program
    .command('schedule')
    .summary('the schedule of compression that follows from an analysis')
    .description(
      'The candidate of least cost-adjusted error at each moment of a run, as a schedule.json for compression.file in a config.',
    )
    .argument('<analysis>', 'the analysis.json that couplet analyze wrote')
    .option('--out <file>', 'where the schedule is saved; default schedule.json beside the analysis')
    .option('--monotone', 'never compress more than before')
    .option('--interpolate', 'take errors between two stages from both, instead of the nearer one')
    .option(
      '--budget <factor>',
      "compute of one gradient, as a multiple of the analysis's; default 1",
      factor,
    )
    .option(
      '--parameters <group>',
      "whose gradient counts: 'all' that learn, the 'image' tower's, or 'adam': all in its scale",
      'all',
    )
    .option(
      '--step-times <file>',
      'count costs by a table of measured step times (bench/step-times.ts --out) instead of by tokens',
    )
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Without options this is the paper's rule. What trained best in our runs
(docs/results/found-schedule.md) shortens more: --parameters adam --budget 0.25, of an
analysis made with --adam.

Examples:
  couplet schedule runs/moco/analysis.json
  couplet schedule runs/moco/analysis.json --parameters adam --budget 0.25 --monotone --out fast.json
  couplet train moco.ts --set compression.file=runs/moco/schedule.json`,
    )
    .action(scheduleVerb);
}

function factor(text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('expected a number above 0, as 0.25 or 4.');
}

async function scheduleVerb(
  path: string,
  { out, json, budget, stepTimes, ...flags }: ScheduleFlags,
): Promise<void> {
  const { readAnalysis, readStepTimes, scheduleOf } = await import('../analysis/index.ts');
  const { writeFileAtomically } = await import('../io/atomic.ts');
  const analysis = readAnalysis(path);
  const options: RuleOptions = {
    ...flags,
    budgetFactor: budget ?? 1,
    ...(stepTimes !== undefined && { stepTimes: readStepTimes(stepTimes) }),
  };
  const found = scheduleOf(analysis, options);
  const others = [0.25, 4].map((times) => {
    const budgetFactor = times * options.budgetFactor!;
    return { times, stages: scheduleOf(analysis, { ...options, budgetFactor }).file.stages };
  });
  const file = out ?? join(dirname(path), 'schedule.json');
  await writeFileAtomically(file, `${JSON.stringify(found.file, null, 2)}\n`);
  console.log(
    json ? JSON.stringify({ ...found, others }, null, 2) : linesOf(found, { file, others }).join('\n'),
  );
}

type Stages = FoundSchedule['file']['stages'];

function linesOf(
  { file: { stages }, choices, meanCost, wholeCost }: FoundSchedule,
  { file, others }: { file: string; others: { times: number; stages: Stages }[] },
): string[] {
  const open = choices.filter(({ alike }) => alike.length > 0);
  return [
    ...stages.map((stage) => `from ${percent(stage.from).padStart(6)}  ${nameOf(stage)}`),
    `mean cost ${meanCost.toPrecision(3)} of ${wholeCost.toPrecision(3)} forwards a sample: ${(wholeCost / meanCost).toPrecision(2)} times the samples`,
    ...others.map(
      ({ times, stages: other }) =>
        `at ${times === 4 ? 'four times' : 'a quarter of'} the budget: ${inLine(other)}`,
    ),
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

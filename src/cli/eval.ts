import { type Command, InvalidArgumentError } from 'commander';
import type { EvaluateRunOptions } from '../run/evaluate-run.ts';
import { collect, SET_HELP } from './options.ts';
import { sourceFlag } from './source.ts';

interface EvalFlags {
  checkpoint: string;
  set?: string[];
  knn?: boolean;
  linear?: boolean;
  fineTune?: boolean;
  train?: string;
  test?: string;
  epochs?: number;
  json?: boolean;
}

/** `couplet eval RUN`. */
export function addEval(program: Command): void {
  program
    .command('eval')
    .summary('measure a checkpoint of a run')
    .description(
      'Measure a checkpoint of a run, always on whole sequences: as its config says, or its image features on labelled pictures.',
    )
    .argument('<run>', "a run's folder")
    .option('--checkpoint <which>', "'latest', 'best', 'start' or a path", 'latest')
    .option('--knn', 'classify by the nearest neighbours among labelled pictures')
    .option('--linear', 'train a linear classifier on frozen features')
    .option('--fine-tune', 'train the encoder and a linear classifier; the run stays as it is')
    .option(
      '--train <source>',
      'labelled pictures to learn from: a folder of class folders, or a source as JSON',
    )
    .option('--test <source>', 'labelled pictures to measure on')
    .option('--epochs <count>', 'passes over --train; default 90 for --linear, 20 for --fine-tune', count)
    .option('--set <path=value>', SET_HELP, collect)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Without --train and --test the pictures are those of evaluate.neighbours in the run's config.

Examples:
  couplet eval runs/moco
  couplet eval runs/moco --checkpoint best --json
  couplet eval runs/moco --knn --linear --train photos/train --test photos/test
  couplet eval runs/moco --fine-tune --epochs 50 --train photos/train --test photos/test
  couplet eval runs/moco --set 'evaluate.zeroShot.data={"type":"folder","path":"photos/test"}'`,
    )
    .action(evalVerb);
}

/** A whole number from 1 on. */
function count(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected a whole number from 1 on.');
}

async function evalVerb(run: string, { json, ...flags }: EvalFlags): Promise<void> {
  const { evalLines } = await import('../evaluate/index.ts');
  const { evaluateRun } = await import('../run/evaluate-run.ts');
  const report = await evaluateRun(run, optionsOf(flags));
  const table = [`${report.checkpoint}, step ${report.step}`, ...evalLines(report)];
  console.log(json ? JSON.stringify(report, null, 2) : table.join('\n'));
}

function optionsOf({ train, test, epochs, linear, fineTune, ...flags }: EvalFlags): EvaluateRunOptions {
  const passes = epochs === undefined ? {} : { epochs };
  const onEpoch = (epoch: number, loss: number) =>
    console.error(`fine-tuning    epoch ${epoch}  loss ${loss.toPrecision(4)}`);
  return {
    ...flags,
    ...(linear && { linear: passes }),
    ...(fineTune && { fineTune: { ...passes, onEpoch } }),
    ...(train !== undefined && { train: sourceFlag(train, '--train') }),
    ...(test !== undefined && { test: sourceFlag(test, '--test') }),
  };
}

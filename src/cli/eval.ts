import { type Command, InvalidArgumentError, Option } from 'commander';
import type { EvaluateRunOptions } from '../run/evaluate-run.ts';
import { collect, SET_HELP } from './options.ts';
import { sourceFlag } from './source.ts';

interface EvalFlags {
  checkpoint: string;
  weights?: 'ema' | 'last';
  blend?: number;
  set?: string[];
  knn?: boolean;
  linear?: boolean;
  fineTune?: boolean;
  train?: string;
  test?: string;
  epochs?: number;
  json?: boolean;
}

export function addEval(program: Command): void {
  program
    .command('eval')
    .summary('accuracy of a checkpoint')
    .description(
      "Measures the accuracy of a checkpoint on whole sequences: by the evaluations in the run's config, or on labelled pictures with --knn, --linear or --fine-tune.",
    )
    .argument('<run>', 'folder of a run')
    .option(
      '--checkpoint <which>',
      "checkpoint: 'latest', 'best', 'start' (before the first step) or a path",
      'latest',
    )
    .addOption(
      new Option('--weights <which>', 'averages of emaWeights, or weights of the last step').choices([
        'ema',
        'last',
      ]),
    )
    .option(
      '--blend <share>',
      'share of the trained weights between those that the run began with and them, as 0.5 (WiSE-FT)',
      share,
    )
    .option('--knn', 'accuracy of classification by the nearest labelled pictures')
    .option('--linear', 'accuracy of a linear classifier, trained on frozen features')
    .option('--fine-tune', 'accuracy of the fine-tuned encoder; the run does not change')
    .option(
      '--train <source>',
      'labelled pictures to train on: a folder of class folders, or a source as JSON',
    )
    .option('--test <source>', 'labelled pictures to test on')
    .option('--epochs <count>', 'epochs of training; default 90 for --linear, 20 for --fine-tune', count)
    .option('--set <path=value>', SET_HELP, collect)
    .option('--json', 'output as JSON')
    .addHelpText(
      'after',
      `
Default labelled pictures: those of evaluate.neighbours in the run's config.

Examples:
  couplet eval runs/moco --checkpoint best
  couplet eval runs/moco --knn --linear --train photos/train --test photos/test

Next:
  couplet analyze runs/moco   measures gradients on shorter sequences`,
    )
    .action(evalVerb);
}

function count(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number, 1 or more.');
}

function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('Expected a share from 0 to 1.');
}

async function evalVerb(run: string, { json, ...flags }: EvalFlags): Promise<void> {
  const { evalLines } = await import('../evaluate/index.ts');
  const { evaluateRun } = await import('../run/evaluate-run.ts');
  const report = await evaluateRun(run, optionsOf(flags));
  const kind = [
    report.weights === 'ema' ? ', averaged weights' : '',
    flags.blend === undefined ? '' : `, blend ${flags.blend}`,
  ].join('');
  const table = [`${report.checkpoint}, step ${report.step}${kind}`, ...evalLines(report)];
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

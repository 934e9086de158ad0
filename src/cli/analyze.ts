import { type Command, InvalidArgumentError } from 'commander';
import type { AnalyzeOptions } from '../analysis/index.ts';
import { AnalysisProgress } from './analysis-progress.ts';
import { collect, SET_HELP } from './options.ts';
import { stopOnSignals } from './stop.ts';

interface AnalyzeFlags
  extends Pick<
    AnalyzeOptions,
    'samples' | 'subBatch' | 'tokenDropout' | 'patchSize' | 'adam' | 'out' | 'set'
  > {
  at?: number[];
  json?: boolean;
}

export function addAnalyze(program: Command): void {
  program
    .command('analyze')
    .summary('errors of gradients on shorter sequences')
    .description(
      'Measures how far gradients on shorter sequences are from those on whole sequences, at snapshots (moments) of a run. For each token dropout and patch size it reports squared bias, variance and the error for the cost (squared bias plus variance times cost). Ctrl-C stops; the same command continues.',
    )
    .argument('<run>', 'folder of a run, with checkpoints at the snapshots')
    .option('--at <list>', 'snapshots in per cent of the run; default 0,25,50,75,100', percents)
    .option('--token-dropout <list>', 'shares of patch tokens to drop; default 0,0.25,0.5,0.75,0.9', numbers)
    .option(
      '--patch-size <list>',
      "sides of patches in pixels; default those that fit, up to three times the model's",
      numbers,
    )
    .option('--samples <count>', 'number of samples in each gradient; default about 16,384', number)
    .option(
      '--sub-batch <size>',
      "number of samples for which the loss is computed together; default the run's batch",
      number,
    )
    .option('--adam', "errors in the scale of Adam's steps too, for couplet schedule --parameters adam")
    .option('--out <file>', "path of the analysis; default analysis.json in the run's folder")
    .option('--set <path=value>', SET_HELP, collect)
    .option('--json', 'output as JSON')
    .addHelpText(
      'after',
      `
Each snapshot but 0 needs a checkpoint. For the default snapshots train with
checkpoint.every { share: 0.25 } and checkpoint.keep 5.
Beside the analysis are a report (.html), its charts (.png) and a log (.jsonl),
from which a stopped analysis continues.

Examples:
  couplet analyze runs/moco --adam
  couplet analyze runs/moco --samples 4096 --at 0,50,100 --patch-size 8,16

Next:
  couplet schedule runs/moco/analysis.json   makes a schedule from it`,
    )
    .action(analyzeVerb);
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('Expected a number.');
}

function numbers(text: string): number[] {
  return text.split(',').map((part) => {
    const value = Number(part);
    if (part.trim() !== '' && Number.isFinite(value)) return value;
    throw new InvalidArgumentError('Expected numbers with commas between them, such as 0,0.25,0.5.');
  });
}

const percents = (text: string) => numbers(text).map((value) => value / 100);

async function analyzeVerb(run: string, { json, ...options }: AnalyzeFlags): Promise<void> {
  const { analyzeRun, writeReport } = await import('../analysis/index.ts');
  const progress = new AnalysisProgress();
  const stop = stopOnSignals(() => progress.say('stopping after this sub-batch (again to quit at once)'));
  try {
    const analysis = await analyzeRun(run, {
      ...options,
      signal: stop.signal,
      onEvent: (event) => progress.show(event),
    });
    if (!analysis) {
      progress.say('stopped; the same command continues');
      process.exitCode = stop.code();
      return;
    }
    const out = options.out ?? `${run.replace(/\/+$/, '')}/analysis.json`;
    const [report, ...pictures] = await writeReport(analysis, { base: out.replace(/\.json$/, '') });
    if (pictures.length === 0)
      progress.say('no PNG charts, because this machine has no fonts; the report has the same charts');
    if (json) console.log(JSON.stringify(analysis, null, 2));
    progress.done(analysis, { out, report });
  } finally {
    progress.end();
    stop.dispose();
  }
}

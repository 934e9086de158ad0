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
    .summary('measure how far gradients on shortened sequences are from the true one')
    .description(
      'Measure, at snapshots of a run, how far gradients on shortened sequences are from the true one: squared bias, variance and cost-adjusted error, for each share of dropped tokens and each patch size. Ctrl-C stops; the same command continues.',
    )
    .argument('<run>', "a run's folder, with checkpoints at the snapshots")
    .option('--at <list>', 'snapshots, in per cent of the run; default 0,25,50,75,100', percents)
    .option('--token-dropout <list>', 'shares of patch tokens to drop; default 0,0.25,0.5,0.75,0.9', numbers)
    .option(
      '--patch-size <list>',
      "sides of patches in pixels; default those that fit, up to three times the model's own",
      numbers,
    )
    .option('--samples <count>', 'samples of each gradient; default about 16,384', number)
    .option('--sub-batch <size>', "samples of one loss; default the run's batch", number)
    .option('--adam', "measure in the scale of Adam's steps too, for couplet schedule --parameters adam")
    .option('--out <file>', "path of the analysis; default analysis.json in the run's folder")
    .option('--set <path=value>', SET_HELP, collect)
    .option('--json', 'print the analysis as JSON')
    .addHelpText(
      'after',
      `
Each snapshot but 0 needs a checkpoint: for the defaults, train with checkpoint.every { share: 0.25 } and checkpoint.keep 5.
Beside the analysis are a report (.html), its pictures (.png) and the pass log (.jsonl), from which a stopped analysis continues.

Examples:
  couplet analyze runs/moco
  couplet analyze runs/moco --adam                        for couplet schedule --parameters adam
  couplet analyze runs/moco --samples 4096 --at 0,50,100
  couplet analyze runs/moco --token-dropout 0,.25,.5,.75,.9 --patch-size 8,16 --out moco.json
  couplet schedule runs/moco/analysis.json                the schedule that follows`,
    )
    .action(analyzeVerb);
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('expected a number.');
}

function numbers(text: string): number[] {
  return text.split(',').map((part) => {
    const value = Number(part);
    if (part.trim() !== '' && Number.isFinite(value)) return value;
    throw new InvalidArgumentError('expected numbers with commas between them, as 0,0.25,0.5.');
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
      progress.say('this machine has no fonts, so there are no PNGs; the page has the same pictures');
    if (json) console.log(JSON.stringify(analysis, null, 2));
    progress.done(analysis, { out, report });
  } finally {
    progress.end();
    stop.dispose();
  }
}

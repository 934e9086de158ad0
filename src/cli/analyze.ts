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

/** `couplet analyze RUN`. */
export function addAnalyze(program: Command): void {
  program
    .command('analyze')
    .summary('measure how far gradients on shortened sequences are from the true one')
    .description(
      'At moments of a run, for each dropout of tokens and size of patches: squared bias, variance and cost-adjusted error of the gradient. Ctrl-C stops; the same command goes on.',
    )
    .argument('<run>', "a run's folder, with checkpoints at the moments asked for")
    .option('--at <list>', 'moments, in per cent of the run', percents)
    .option('--token-dropout <list>', 'shares of patch tokens that are dropped', numbers)
    .option('--patch-size <list>', 'sides of patches in pixels', numbers)
    .option('--samples <count>', 'samples of each gradient; default about 16,384', number)
    .option('--sub-batch <size>', "samples that a loss sees at once; default the run's batch", number)
    .option('--adam', "also in the scale of Adam's steps, which may rank strategies otherwise")
    .option('--out <file>', "the analysis; default analysis.json in the run's folder")
    .option('--set <path=value>', SET_HELP, collect)
    .option('--json', 'print the analysis as JSON')
    .addHelpText(
      'after',
      `
The moments are 0, 25, 50, 75 and 100 % by default: train with checkpoint.every { share: 0.25 } and checkpoint.keep 5.
Beside the analysis are a report (.html), its pictures (.png) and what a stopped analysis goes on from (.jsonl).

Examples:
  couplet analyze runs/moco
  couplet analyze runs/moco --samples 4096 --at 0,50,100
  couplet analyze runs/moco --token-dropout 0,.25,.5,.75,.9 --patch-size 8,16 --out moco.json
  couplet schedule runs/moco/analysis.json                the schedule that follows`,
    )
    .action(analyzeVerb);
}

/** A number. */
function number(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('expected a number.');
}

/** Numbers with commas between them. */
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
      progress.say('stopped; the same command goes on');
      process.exitCode = stop.code();
      return;
    }
    const out = options.out ?? `${run.replace(/\/+$/, '')}/analysis.json`;
    const [report] = await writeReport(analysis, { base: out.replace(/\.json$/, '') });
    if (json) console.log(JSON.stringify(analysis, null, 2));
    progress.done(analysis, { out, report });
  } finally {
    progress.end();
    stop.dispose();
  }
}

import { basename } from 'node:path';
import type { Command } from 'commander';
import type { TrainEvent, TrainResult } from '../train.ts';
import { collect, SET_HELP } from './options.ts';
import { Progress, skippedLines } from './progress.ts';
import { stopOnSignals } from './stop.ts';

interface TrainFlags {
  set?: string[];
  name?: string;
  resume?: string;
  runs: string;
}

/** `couplet train CONFIG`. */
export function addTrain(program: Command): void {
  program
    .command('train')
    .summary('train a model as a config says')
    .description(
      'Train a model as a config says. Ctrl-C finishes the step, saves and stops; twice quits at once.',
    )
    .argument('<config>', 'a .ts, .js or .json file; its default export is the config')
    .option('--set <path=value>', SET_HELP, collect)
    .option('--name <name>', "the run's folder in --runs (default: the config's name, or its file's)")
    .option('--resume <checkpoint>', "go on from a checkpoint: 'latest' of this run, or a path")
    .option('--runs <folder>', 'where runs are saved', 'runs')
    .addHelpText(
      'after',
      `
Examples:
  couplet train configs/emoji.ts
  couplet train configs/emoji.ts --name emoji-fast --set optimizer.peakLr=1e-3 --set duration.epochs=5
  couplet train configs/emoji.ts --set 'evaluate.every={"steps":100}'
  couplet train configs/emoji.ts --resume latest
  couplet train runs/emoji/config.json --name again`,
    )
    .action(trainVerb);
}

async function trainVerb(path: string, flags: TrainFlags): Promise<void> {
  const { loadConfig } = await import('../config/index.ts');
  const config = await loadConfig(path, { set: flags.set, name: flags.name });
  const { train } = await import('../train.ts');
  const progress = new Progress();
  const stop = stopOnSignals((text) => progress.say(text));
  try {
    const { resume, runs: runsDir } = flags;
    const onEvent = (event: TrainEvent) => progress.show(event);
    const result = await train(config, { runsDir, ...(resume && { resume }), signal: stop.signal, onEvent });
    progress.end();
    for (const text of skippedLines(result.skipped)) progress.say(text);
    progress.say(result.finished ? `done: ${result.runDir}` : stoppedText(result, { path, ...flags }));
    if (!result.finished) process.exitCode = stop.code();
  } finally {
    progress.end();
    stop.dispose();
  }
}

/** Where the run stopped, and the command that goes on. */
function stoppedText(
  { runDir, step, totalSteps }: TrainResult,
  { path, set = [], runs }: TrainFlags & { path: string },
): string {
  const again = ['couplet train', path, ...set.map((text) => `--set '${text}'`), '--name', basename(runDir)];
  if (runs !== 'runs') again.push('--runs', runs);
  return `stopped at step ${step} of ${totalSteps} and saved; go on with: ${again.join(' ')} --resume latest`;
}

import { basename } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { CoupletError } from '../errors.ts';
import type { TrainEvent, TrainResult } from '../train.ts';
import { followLauncher, launch } from './launch.ts';
import { collect, SET_HELP } from './options.ts';
import { stopOnSignals } from './stop.ts';

interface TrainFlags {
  set?: string[];
  name?: string;
  resume?: string;
  runs: string;
  nproc?: number;
}

/** `couplet train CONFIG`. */
export function addTrain(program: Command): void {
  program
    .command('train')
    .summary('train a model as a config says')
    .description(
      'Train a model as a config says. Ctrl-C (SIGTERM, SIGUSR1) finishes the step, saves and stops; twice quits at once.',
    )
    .argument('<config>', 'a .ts, .js or .json file; its default export is the config')
    .option('--set <path=value>', SET_HELP, collect)
    .option(
      '--name <name>',
      "name of the run, and of its folder in --runs (default: the config's name, or its file's)",
    )
    .option(
      '--resume <checkpoint>',
      "go on from a checkpoint: 'latest' of this run (from the beginning if it has none), or a path",
    )
    .option('--runs <folder>', 'where runs are saved', 'runs')
    .option('--nproc <ranks>', 'train with this many processes on this machine, one for each GPU', rankCount)
    .addHelpText(
      'after',
      `
Examples, where moco.ts is a config of yours:
  couplet train moco.ts
  couplet train moco.ts --set data.train.path=photos/train --set duration.epochs=5
  couplet train moco.ts --name moco-fast --set optimizer.peakLr=1e-3
  couplet train moco.ts --set 'evaluate.every={"steps":100}'
  couplet train moco.ts --resume latest                     go on where it stopped
  couplet train runs/moco/config.json --name again          the same run once more
  couplet train moco.ts --nproc 2                           two GPUs of this machine
  torchrun --no_python --standalone --nproc_per_node 2 couplet train moco.ts`,
    )
    .action(trainVerb);
}

function rankCount(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('expected a whole number, 1 or more.');
  return Number(text);
}

/** This very command once more for each rank, which then finds its place in its environment. */
async function launchRanks(nproc: number): Promise<void> {
  const { RANK, WORLD_SIZE } = process.env;
  if (WORLD_SIZE !== undefined || RANK !== undefined)
    throw new CoupletError(
      `--nproc ${nproc}: this is rank ${RANK ?? 'unknown'} of ${WORLD_SIZE ?? 'unknown'} already, by RANK and WORLD_SIZE. Leave --nproc out under torchrun and the like.`,
    );
  const [node, script, ...words] = process.argv;
  const args = [...process.execArgv, script, ...withoutNproc(words)];
  process.exitCode = await launch({ nproc, command: node, args });
}

/** The words of a command but for `--nproc 2` or `--nproc=2`. */
export function withoutNproc(words: readonly string[]): string[] {
  return words.filter(
    (word, i) => word !== '--nproc' && !word.startsWith('--nproc=') && words[i - 1] !== '--nproc',
  );
}

async function trainVerb(path: string, flags: TrainFlags): Promise<void> {
  if (flags.nproc !== undefined && flags.nproc > 1) return launchRanks(flags.nproc);
  followLauncher();
  const { loadConfig } = await import('../config/index.ts');
  const config = await loadConfig(path, { set: flags.set, name: flags.name });
  const { train } = await import('../train.ts');
  const { Progress, skippedLines, stepsInWords } = await import('./progress.ts');
  const progress = new Progress();
  const stop = stopOnSignals((text) => progress.say(text));
  try {
    const { resume, runs: runsDir } = flags;
    const onEvent = (event: TrainEvent) => progress.show(event);
    const result = await train(config, { runsDir, ...(resume && { resume }), signal: stop.signal, onEvent });
    progress.end();
    for (const text of skippedLines(result.skipped)) progress.say(text);
    progress.say(
      result.finished
        ? `done: ${result.runDir}`
        : stoppedText(result, { path, total: stepsInWords(result.totalSteps), ...flags }),
    );
    if (!result.finished) process.exitCode = stop.code();
  } finally {
    progress.end();
    stop.dispose();
  }
}

/** Where the run stopped, and the command that goes on. */
function stoppedText(
  { runDir, step }: TrainResult,
  { path, total, set = [], runs }: TrainFlags & { path: string; total: string | undefined },
): string {
  const again = ['couplet train', path, ...set.map((text) => `--set '${text}'`), '--name', basename(runDir)];
  if (runs !== 'runs') again.push('--runs', runs);
  return `stopped at step ${step}${total ? ` of ${total}` : ''} and saved; go on with: ${again.join(' ')} --resume latest`;
}

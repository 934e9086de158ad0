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

export function addTrain(program: Command): void {
  program
    .command('train')
    .summary('training of the model in a config')
    .description(
      'Trains the model in a config. Ctrl-C, SIGTERM or SIGUSR1 finishes the step, saves and stops. A second Ctrl-C quits at once.',
    )
    .argument('<config>', '.ts or .js file whose default export is a config, or .json file')
    .option('--set <path=value>', SET_HELP, collect)
    .option(
      '--name <name>',
      "name of the run and of its folder; default the config's name, else that of its file",
    )
    .option(
      '--resume <checkpoint>',
      "checkpoint to continue from: a path, or 'latest' of this run (from the start if there is none)",
    )
    .option('--runs <folder>', 'folder of all runs', 'runs')
    .option('--nproc <ranks>', 'number of processes on this machine, one for each GPU', rankCount)
    .addHelpText(
      'after',
      `
For several machines use torchrun, Slurm or mpirun: docs/running-on-many.md

Examples, where moco.ts is a config:
  couplet train moco.ts --set duration.epochs=5 --set 'evaluate.every={"steps":100}'
  couplet train moco.ts --resume latest

Next:
  couplet eval runs/moco      measures the last checkpoint`,
    )
    .action(trainVerb);
}

function rankCount(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('Expected a whole number, 1 or more.');
  return Number(text);
}

/** Starts this command once for each rank, without `--nproc`. */
async function launchRanks(nproc: number): Promise<void> {
  const { RANK, WORLD_SIZE } = process.env;
  if (WORLD_SIZE !== undefined || RANK !== undefined)
    throw new CoupletError(
      `--nproc ${nproc}: RANK and WORLD_SIZE say that this already is rank ${RANK ?? 'unknown'} of ${WORLD_SIZE ?? 'unknown'}. Omit --nproc under torchrun, Slurm and mpirun.`,
    );
  const [node, script, ...words] = process.argv;
  const args = [...process.execArgv, script, ...withoutNproc(words)];
  process.exitCode = await launch({ nproc, command: node, args });
}

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

function stoppedText(
  { runDir, step }: TrainResult,
  { path, total, set = [], runs }: TrainFlags & { path: string; total: string | undefined },
): string {
  const again = ['couplet train', path, ...set.map((text) => `--set '${text}'`), '--name', basename(runDir)];
  if (runs !== 'runs') again.push('--runs', runs);
  return `stopped at step ${step}${total ? ` of ${total}` : ''} and saved; go on with: ${again.join(' ')} --resume latest`;
}

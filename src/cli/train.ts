import type { Command } from 'commander';
import { collect, SET_HELP } from './options.ts';
import { type RunEvent, Status } from './status.ts';
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
  // biome-ignore lint/suspicious/noTsIgnore: the module is written next; then these two lines go.
  // @ts-ignore
  const { train } = await import('../train.ts');
  const status = new Status(process.stderr);
  const stop = stopOnSignals((text) => status.say(text));
  try {
    const { resume, runs: runsDir } = flags;
    await train(config, {
      runsDir,
      resume,
      signal: stop.signal,
      onEvent: (event: RunEvent) => status.show(event),
    });
  } finally {
    status.end();
    stop.dispose();
  }
  if (stop.signal.aborted) {
    status.say(`stopped and saved; go on with: couplet train ${path} --name ${config.name} --resume latest`);
    process.exitCode = stop.code();
  }
}

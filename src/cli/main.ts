#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addAnalyze } from './analyze.ts';
import { addDoctor } from './doctor.ts';
import { addEval } from './eval.ts';
import { fail } from './fail.ts';
import { addSchedule } from './schedule.ts';
import { addTrain } from './train.ts';

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

const program = new Command('couplet')
  .description('Contrastive pretraining of image and image-text encoders, in TypeScript, on libtorch.')
  .version(version(), '--version', 'print the version')
  .helpOption('-h, --help', 'print this help')
  .helpCommand(false)
  .showHelpAfterError('(couplet --help lists what there is)')
  .addHelpText(
    'after',
    `
Examples, where moco.ts is a config of yours:
  couplet doctor                             is everything here, and does it work?
  couplet train moco.ts                      train; the run is saved in runs/moco
  couplet train moco.ts --resume latest      go on where it stopped
  couplet eval runs/moco                     measure its last checkpoint
  couplet analyze runs/moco                  how far off are gradients on shorter sequences?
  couplet schedule runs/moco/analysis.json   how short the next run's sequences may be, and when

A config is one file per run: export default defineConfig({ ... }). Some to start from are in configs/, and
docs/configuration.md explains every key. couplet train --help and the like tell more of each command.`,
  );

addTrain(program);
addEval(program);
addAnalyze(program);
addSchedule(program);
addDoctor(program);

let done = false;
process.once('beforeExit', () => {
  if (!done) fail(new Error('The process has nothing left to wait for, and is not done.'));
});
await program.parseAsync().catch(fail);
done = true;

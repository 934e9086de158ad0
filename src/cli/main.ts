#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addAnalyze } from './analyze.ts';
import { addDoctor } from './doctor.ts';
import { addEmbed } from './embed.ts';
import { addEval } from './eval.ts';
import { addExport } from './export.ts';
import { fail } from './fail.ts';
import { addSchedule } from './schedule.ts';
import { addSearch } from './search.ts';
import { addTrain } from './train.ts';

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

const program = new Command('couplet')
  .description('Contrastive pretraining of image and image-text encoders, on libtorch.')
  .version(version(), '--version', 'version of Couplet')
  .helpOption('-h, --help', 'this help')
  .helpCommand(false)
  .showHelpAfterError('(couplet --help lists commands and options)')
  .addHelpText(
    'after',
    `
A config is a file that describes one run: export default defineConfig({ ... }).
Examples are in configs/; docs/configuration.md explains every key.

Examples, where moco.ts is a config:
  couplet train moco.ts       trains; the run is saved in runs/moco
  couplet eval runs/moco      measures its last checkpoint

Next:
  couplet doctor              tests this machine
  couplet train --help        options and examples of one command`,
  );

addTrain(program);
addEval(program);
addEmbed(program);
addSearch(program);
addExport(program);
addAnalyze(program);
addSchedule(program);
addDoctor(program);

// An 'error' event that nobody hears, such as of a stream.
process.once('uncaughtException', (error) => {
  fail(error);
  process.exit();
});

let done = false;
process.once('beforeExit', () => {
  if (!done) fail(new Error('The event loop is empty, but the command has not ended.'));
});
await program.parseAsync().catch(fail);
done = true;

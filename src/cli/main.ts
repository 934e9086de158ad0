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
  .description('Pretrain image and image-text encoders by contrast, from TypeScript, on libtorch.')
  .version(version(), '--version', 'print the version')
  .helpOption('-h, --help', 'print this help')
  .helpCommand(false)
  .showHelpAfterError('(couplet --help lists what there is)')
  .addHelpText(
    'after',
    `
Examples:
  couplet doctor                                          is everything here, and does it work?
  couplet train configs/emoji.ts                          train; the run is saved in runs/emoji
  couplet train configs/emoji.ts --resume latest          go on where it stopped
  couplet eval runs/emoji                                 measure its last checkpoint

A config is one file per run: export default defineConfig({ ... }). Wrong keys are named before the first step.`,
  );

addTrain(program);
addEval(program);
addAnalyze(program);
addSchedule(program);
addDoctor(program);

await program.parseAsync().catch(fail);

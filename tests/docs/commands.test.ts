// Every command in README, docs/, examples/, demos/ and in headers of configs and programs: short ones run, the others are parsed.
import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Command } from 'commander';
import { afterAll, describe, expect, test } from 'vitest';
import { dataSets } from '../../scripts/data-sets/data-sets.ts';
import type { SweepRun } from '../../scripts/sweep.ts';
import { addAnalyze } from '../../src/cli/analyze.ts';
import { addDoctor } from '../../src/cli/doctor.ts';
import { addEmbed } from '../../src/cli/embed.ts';
import { addEval } from '../../src/cli/eval.ts';
import { addExport } from '../../src/cli/export.ts';
import { addSchedule } from '../../src/cli/schedule.ts';
import { addSearch } from '../../src/cli/search.ts';
import { addTrain } from '../../src/cli/train.ts';
import { loadConfig } from '../../src/config/index.ts';
import { temporaryFolder } from '../data/make.ts';
import { type DocCommand, docCommands } from './commands.ts';
import { ROOT } from './markdown.ts';

const commands = docCommands();
const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const inRoot = (path: string) => existsSync(join(ROOT, path));

/** What tells apart a kind of command, and what follows after it. */
const LAUNCHERS = /^(?:torchrun|srun|mpirun)$/;
const after = ({ words }: DocCommand, word: RegExp) =>
  words.slice(words.findIndex((one) => word.test(one)) + 1);
const isCouplet = ({ words }: DocCommand) => words.some((word) => /(^|\/)couplet$/.test(word));
const coupletCommands = commands.filter(isCouplet);
const nodeCommands = commands.filter(({ words }) => words.includes('node') && words.includes('--import'));
const named = (list: DocCommand[]) =>
  list.map((command) => [`${command.file}: ${command.text}`, command] as const);

/** Data that people bring: nobody can pack it. */
const BROUGHT = ['cc3m', 'cc12m', 'laion400m', 'products', 'apparel'];
/** Words that stand for something of the reader's. */
const isPlaceholder = (word: string) => /^[A-Z_/.]+$/.test(word.replace(/\.ts$/, '')) || !word.includes('/');

test('there are commands of every kind', () => {
  expect(coupletCommands.length).toBeGreaterThan(20);
  expect(nodeCommands.length).toBeGreaterThan(30);
  expect(commands.filter(({ text }) => text.startsWith('scripts/make-data')).length).toBeGreaterThan(5);
  expect(new Set(commands.map(({ file }) => dirname(file))).size).toBeGreaterThan(8);
});

describe('couplet', () => {
  test('is written so that it runs from a clone: npx couplet, but after a launcher', () => {
    const bare = coupletCommands.filter(({ words }) => {
      const at = words.indexOf('couplet');
      return at >= 0 && words[at - 1] !== 'npx' && !words.slice(0, at).some((word) => LAUNCHERS.test(word));
    });
    expect(bare.map(({ file, text }) => `${file}: ${text}`)).toEqual([]);
  });

  test.each(named(coupletCommands))('%s', async (_, command) => {
    const { verb, args, options } = parsed(after(command, /(^|\/)couplet$/));
    if (verb === 'train') await checkTrain(args[0]!, options.set ?? []);
    if (verb === 'schedule' && args[0]!.startsWith('experiments/')) expect(inRoot(args[0]!)).toBe(true);
  });
});

/** Parses as the command line does, and does nothing. Throws for a verb, a flag or an argument that is none. */
function parsed(words: string[]): { verb: string; args: string[]; options: { set?: string[] } } {
  if (words.every((word) => ['--help', '--version'].includes(word)))
    return { verb: '', args: [], options: {} };
  const program = new Command('couplet');
  for (const add of [addTrain, addEval, addExport, addEmbed, addSearch, addAnalyze, addSchedule, addDoctor])
    add(program);
  let result: ReturnType<typeof parsed> | undefined;
  for (const verb of program.commands)
    verb
      .exitOverride()
      .configureOutput({ writeErr: () => {} })
      .action((...given) => {
        const { args } = given.at(-1) as Command;
        result = { verb: verb.name(), args, options: given.at(-2) as { set?: string[] } };
      });
  program.exitOverride().configureOutput({ writeErr: () => {} });
  program.parse(words, { from: 'user' });
  return result!;
}

/** A config of this repository is there and takes the changes; one of the reader's is stood for by the one on a folder. */
async function checkTrain(path: string, set: string[]): Promise<void> {
  if (path.startsWith('runs/')) return;
  const config = isPlaceholder(path) ? 'configs/moco-v3-folder.ts' : path;
  // The schedule's file is the reader's too.
  const changes = set.filter((change) => !change.startsWith('compression.file='));
  await loadConfig(join(ROOT, config), { set: changes });
}

describe('a program', () => {
  test.each(named(nodeCommands))('%s', async (_, command) => {
    const [path, ...words] = after(command, /^jiti\/register$/);
    expect(inRoot(path!), path).toBe(true);
    if (words.includes('--')) words.splice(words.indexOf('--'));
    const source = sourcesOf(path!);
    for (const word of words.filter((one) => one.startsWith('--'))) {
      const flag = word.slice(2).split('=')[0]!;
      const known = new RegExp(`--${flag}\\b|'${flag}'|\\b${flag}\\b\\s*:`).test(source);
      expect(known, `${path} has no --${flag}`).toBe(true);
    }
    const files = words.filter((word) =>
      /^(configs|experiments|examples|demos|scripts|bench)\/[\w/.-]+\.\w+$/.test(word),
    );
    for (const file of files.filter((one) => !/[A-Z]{3}/.test(one))) expect(inRoot(file), file).toBe(true);
    const list = words.find((word) => word.startsWith('experiments/') && inRoot(word));
    if (path === 'scripts/sweep.ts' && list) await checkPattern(list, words);
  });

  /** A pattern that matches no run would train nothing. */
  async function checkPattern(list: string, words: string[]): Promise<void> {
    const pattern = words[words.indexOf('--only') + 1];
    if (!words.includes('--only') || pattern === 'PATTERN') return;
    const { default: runs } = (await import(join(ROOT, list))) as { default: SweepRun[] };
    expect(runs.filter(({ name }) => new RegExp(pattern!).test(name)).length, pattern).toBeGreaterThan(0);
  }
});

/** The text of a program and of what it imports beside it. */
function sourcesOf(path: string, seen = new Set<string>()): string {
  if (seen.has(path) || !inRoot(path)) return '';
  seen.add(path);
  const text = read(path);
  const imports = [...text.matchAll(/from '(\.[^']+\.ts)'/g)].map(([, to]) => join(dirname(path), to!));
  return [text, ...imports.filter((to) => !to.startsWith('src/')).map((to) => sourcesOf(to, seen))].join(
    '\n',
  );
}

describe('scripts and npm', () => {
  test('scripts exist and can be run; npm knows its scripts', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    for (const { text, words } of commands) {
      const [word, verb, name] = words;
      if (word!.startsWith('scripts/')) accessSync(join(ROOT, word!), constants.X_OK);
      if (word !== 'npm') continue;
      const script = verb === 'run' ? name! : verb!;
      if (!['ci', 'install', 'i', 'pack'].includes(script)) expect(scripts, text).toHaveProperty(script);
      const prefix = words[words.indexOf('--prefix') + 1]!;
      if (words.includes('--prefix')) expect(inRoot(join(prefix, 'package.json')), text).toBe(true);
    }
  });

  test('scripts/make-data builds what it is asked for', () => {
    const names = dataSets.map(({ name }) => name);
    for (const { words } of commands.filter((one) => one.text.startsWith('scripts/make-data')))
      expect([...names, 'NAME', '--help']).toContain(words[1]);
  });
});

describe('data', () => {
  const setsIn = (text: string) => [...text.matchAll(/'data\/([\w-]+)\//g)].map(([, name]) => name!);

  /** Data sets of a command: of the config, or of the configs that a list of runs names. */
  function dataOf({ words }: DocCommand): string[] {
    const files = words.filter((word) => /^(configs|experiments|demos)\/.*\.ts$/.test(word) && inRoot(word));
    const texts = files.map(read);
    const configs = texts
      .flatMap((text) => text.match(/\b(?:configs|demos)\/[\w/-]+\.ts/g) ?? [])
      .filter(inRoot);
    return [...new Set([...texts, ...configs.map(read)].flatMap(setsIn))];
  }

  test('every data set that a command needs is built by scripts/make-data, or is the reader’s', () => {
    const known = [...dataSets.map(({ name }) => name), ...BROUGHT, 'cache'];
    for (const command of commands)
      expect(
        dataOf(command).filter((name) => !known.includes(name)),
        command.text,
      ).toEqual([]);
  });

  test('a page of results with a run says how its data is built', () => {
    const silent = commands.filter(
      (command) =>
        command.file.startsWith('docs/results/') &&
        command.words.includes('train') &&
        dataOf(command)
          .filter((name) => !BROUGHT.includes(name))
          .some((name) => !read(command.file).includes(`scripts/make-data ${name}`)),
    );
    expect(silent.map(({ file, text }) => `${file}: ${text}`)).toEqual([]);
  });
});

describe('short commands run', { timeout: 300_000 }, () => {
  const run = (words: string[]) =>
    execFileSync(process.execPath, [join(ROOT, 'dist/cli/couplet.cjs'), ...words], {
      cwd: ROOT,
      encoding: 'utf8',
    });

  test.each(['train', 'eval', 'analyze', 'schedule', 'doctor'])('couplet %s --help', (verb) => {
    expect(run([verb, '--help'])).toContain(`Usage: couplet ${verb}`);
  });

  test('couplet doctor', () => {
    expect(run(['doctor'])).toMatch(/libtorch/);
  });

  const schedules = coupletCommands.filter(({ words }) =>
    words.some((word) => word.startsWith('experiments/analyses')),
  );
  test.each(named(schedules))('%s', (_, command) => {
    const out = join(folder, 'schedule.json');
    run([...after(command, /(^|\/)couplet$/), '--out', out]);
    expect(JSON.parse(readFileSync(out, 'utf8')).stages.length).toBeGreaterThan(0);
  });

  test('the command is what npm installs and what scripts/setup links', () => {
    const { bin } = JSON.parse(read('package.json')) as { bin: Record<string, string> };
    accessSync(join(ROOT, bin.couplet!), constants.X_OK);
    expect(read('scripts/setup')).toContain('node_modules/.bin/couplet');
  });
});

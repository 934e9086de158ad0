// The pages of docs/results: their form, their figures against docs/results/rows, and what is written from the rows.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { dataSets } from '../../scripts/data-sets/data-sets.ts';
import { appendix, FILES } from '../../scripts/results/appendix.ts';
import { charts, shareToReach } from '../../scripts/results/charts.ts';
import { groupsIn, percent } from '../../scripts/results/tables.ts';
import { mean } from '../../scripts/rows.ts';
import type { SweepRun } from '../../scripts/sweep.ts';
import { page, ROOT, rows } from './markdown.ts';

const FOLDER = 'docs/results';
const names = readdirSync(join(ROOT, FOLDER)).filter((name) => name.endsWith('.md'));
const pages = names.filter((name) => name !== 'appendix.md');
const textOf = (name: string) => page(join('results', name));

describe.each(pages)('docs/results/%s', (name) => {
  const text = textOf(name);

  test('has at most 60 lines', () => {
    expect(text.split('\n').length - 1).toBeLessThanOrEqual(60);
  });

  test('has at most one number a cell, beside the first', () => {
    const crowded = rows(text).flatMap((cells) =>
      cells.slice(1).filter((cell) => numbersIn(cell).length > 1),
    );
    expect(crowded).toEqual([]);
  });

  test('is in the index', () => {
    if (name !== 'README.md') expect(textOf('README.md')).toContain(`](${name})`);
  });
});

/** Numbers that are values: not in code, links, names (`MoCo v3`) or fractions that are words of a claim. */
function numbersIn(cell: string): string[] {
  const plain = cell.replace(/`[^`]*`|\]\([^)]*\)/g, '').replace(/(\d+) of (\d+) pairs/, '$1');
  return plain.match(/(?<![\w.,-])[+-]?\d[\d.,]*/g) ?? [];
}

/** Tables whose last column names runs. */
const ofRuns = pages.flatMap((name) => {
  const [head, , ...body] = rows(textOf(name));
  return head?.at(-1) === 'run' ? body.map((cells) => ({ name, head, cells })) : [];
});
const groups = new Map(
  Object.keys(FILES)
    .filter((file) => file !== 'earlier-online-rules')
    .flatMap((file) => groupsIn(file).map((group) => [group.name, group])),
);

test('tables with runs are found', () => expect(ofRuns.length).toBeGreaterThan(50));

test.each(ofRuns)('$name: the figures of $cells are those of the rows', ({ name, head, cells }) => {
  const group = groups.get(cells.at(-1)!.replaceAll('`', ''))!;
  const figures = cells.map((cell) => cell.replaceAll('*', '').replace(' %', ''));
  const column = (title: string) => figures[head.indexOf(title)];
  const shown = ['k-NN', 'mean recall', 'v3', 'schedule', 'chosen while training'].find((title) =>
    head.includes(title),
  )!;
  expect(column(shown)).toBe(percent(mean(group.finals)));
  const seeds = column('seeds') ?? column('seeds of v3');
  expect(Number(seeds), `${name}: seeds of ${group.name}`).toBe(group.seeds);
  const constant = column('best constant');
  if (constant !== undefined) expect(constant).toBe(bestConstantBeside(group.name));
  const clip = column('OpenCLIP');
  if (clip !== undefined) expect(clip).toBe(resultOf(group.name.replace('v3', 'clip')));
  const difference = column('difference');
  if (difference !== undefined) {
    const [first, second] = [figures[1], figures[2]].map(Number);
    expect(Number(difference)).toBeCloseTo(second! - first!, 5);
  }
});

const resultOf = (name: string) => percent(mean(groups.get(name)!.finals));

function bestConstantBeside(name: string): string {
  const prefix = /^[a-z]+-(moco-v3|[a-z0-9]+)/.exec(name)![0];
  const constants = ['dropout-50', 'dropout-75', 'patches', 'patches-16']
    .map((kind) => groups.get(`${prefix}-${kind}`))
    .filter((group) => group !== undefined);
  return percent(Math.max(...constants.map(({ finals }) => mean(finals))));
}

test.each([
  ['tiny-moco-v3-quarter', 'tiny-moco-v3-whole', '+1.5'],
  ['tiny-simclr-quarter', 'tiny-simclr-whole', '+3.3'],
  ['cifar-simclr-both', 'cifar-simclr-whole', '-1.3'],
  ['cifar-moco-v3-half', 'cifar-moco-v3-whole', '-4.1'],
  ['cifar-dino-patches', 'cifar-dino-whole', '-8.1'],
  ['budget-tiny-simclr-quarter-60', 'tiny-simclr-whole', '+7.6'],
  ['tiny-128-v3', 'tiny-128-clip', '-1.7'],
  ['tiny-v3-whole', 'tiny-clip-whole', '+2.0'],
])('the index has the points between %s and %s', (name, other, points) => {
  const difference = mean(groups.get(name)!.finals) - mean(groups.get(other)!.finals);
  expect(difference > 0 ? `+${percent(difference)}` : percent(difference)).toBe(points);
  expect(textOf('README.md')).toContain(`| ${points} points |`);
});

test('shares of samples that v3 needs are those of the curves', () => {
  const shares = rows(textOf('fastclip-icons.md'))
    .slice(2)
    .map((cells) => [cells.at(-1)!.replaceAll('`', ''), cells[3]]);
  const files: Record<string, string> = {
    'e10-v3': 'icons-128-shorter',
    'e14-v3': 'icons-128-shorter',
    'b128-v3': 'icons-128',
    'b512-v3': 'icons-512',
  };
  for (const [name, share] of shares) {
    const reached = shareToReach(files[name!]!, name!, name!.replace('v3', 'clip'), 'samples');
    expect(reached?.toFixed(2) ?? 'never').toBe(share);
  }
});

/** Sweeps that pages run, by their list. */
const sweeps = names.flatMap((name) =>
  [...textOf(name).matchAll(/sweep\.ts (experiments\/[\w-]+\.ts) --only '([^']+)'/g)].map(
    ([, list, only]) => ({ name, list: list!, only: only! }),
  ),
);

test.each(sweeps)('$name: the command runs the settings of its table', async ({ name, list, only }) => {
  const { default: runs } = (await import(join(ROOT, list))) as { default: SweepRun[] };
  const run = runs.map((one) => one.name).filter((one) => new RegExp(only).test(one));
  expect(run.length).toBeGreaterThan(0);
  const shown = ofRuns
    .filter((row) => row.name === name)
    .map(({ cells }) => cells.at(-1)!.replaceAll('`', ''));
  const listed = shown.filter((group) => runs.some((one) => one.name.startsWith(group)));
  const isWhole = sweeps.filter((sweep) => sweep.name === name).length > 1;
  const left = listed.filter((group) => !run.some((one) => one === group || one.startsWith(`${group}-`)));
  // Pages about many sets run one of them.
  if (!isWhole && !['found-schedule.md', 'online.md'].includes(name)) expect(left).toEqual([]);
});

test('the appendix and the charts are those of the rows: node --import jiti/register scripts/results.ts', () => {
  expect(textOf('appendix.md')).toBe(appendix());
  for (const [name, svg] of Object.entries(charts())) {
    expect(readFileSync(join(ROOT, FOLDER, `${name}.svg`), 'utf8'), name).toBe(svg);
  }
});

test('every picture is shown by a page, and every file of rows is in the appendix', () => {
  const files = readdirSync(join(ROOT, FOLDER));
  const all = pages.map(textOf).join('\n');
  expect(files.filter((file) => /\.(svg|png)$/.test(file) && !all.includes(`](${file})`))).toEqual([]);
  const other = ['step-times', 'compressed-step'];
  const known = [...Object.keys(FILES), ...other].map((file) => `${file}.jsonl`);
  expect(readdirSync(join(ROOT, FOLDER, 'rows')).sort()).toEqual(known.sort());
});

test('commands of pages name options that are there', () => {
  const commands = names.flatMap((name) => [...textOf(name).matchAll(/^npx couplet (\w+) (.*)$/gm)]);
  expect(commands.length).toBeGreaterThan(2);
  for (const [, verb, rest] of commands) {
    const source = readFileSync(join(ROOT, `src/cli/${verb}.ts`), 'utf8');
    for (const [option] of rest!.matchAll(/--[\w-]+/g)) {
      expect(source, verb).toMatch(new RegExp(`'${option}[ ']`));
      expect(source, verb).not.toContain(`${option} is now called`);
    }
  }
});

test('data sets that pages make are those of scripts/make-data', () => {
  const made = names.flatMap((name) =>
    [...textOf(name).matchAll(/make-data ([\w-]+)/g)].map(([, set]) => set),
  );
  expect(made.length).toBeGreaterThan(10);
  const known = dataSets.map(({ name }) => name);
  expect(made.filter((set) => !known.includes(set!))).toEqual([]);
});

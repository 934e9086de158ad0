// How near does compression.online come to the least error, if errors are as an analysis found them? Without a GPU, in a minute.
// node --import jiti/register experiments/online-rule.ts [--longer 4] [--repeats 40] [--only PATTERN] [--verbose]
//
// For the `-online-quarter` run of each analysis in experiments/analyses: the run's own budget, step times and candidates. A probe is the analysis's
// bias and variance at that moment, between two stages by a straight line, with noise. A regret is the mean over the run's time of the logarithm
// of the error of what is trained with over the least one at that moment: 0.1 is 10 % too much error.
import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import type { SweepRun } from '../scripts/sweep.ts';
import { type Analysis, type AnalysisPoint, readAnalysis } from '../src/analysis/schema.ts';
import { Budget } from '../src/budget.ts';
import { type Compression, type StepTimes, type Strategy, secondsOf } from '../src/compress/index.ts';
import { adjustedValue, studentQuantile } from '../src/gradient-error/estimate.ts';
import { BATCHES } from '../src/online/allowance.ts';
import { keyOf } from '../src/online/averages.ts';
import { OnlineCompression } from '../src/online/index.ts';
import { MOMENT_STEPS } from '../src/plan.ts';
import schedule from './fastclip-schedule.ts';
import shortPhotos from './fastclip-short-photos.ts';
import ssl from './ssl.ts';

const { values: flags } = parseArgs({
  options: {
    longer: { type: 'string', default: '1' },
    repeats: { type: 'string', default: '40' },
    only: { type: 'string', default: '' },
    verbose: { type: 'boolean', default: false },
  },
});
const DIR = 'experiments/analyses';
/** Relative, of a probe's variance: thousands of parameters average it. */
const VARIANCE_NOISE = 0.05;

/** Normally distributed numbers, the same every time. */
function* normals() {
  let state = 1;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  for (;;) yield Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
const noise = normals();
const normal = () => noise.next().value as number;

interface Setup {
  analysis: Analysis;
  grid: Strategy[];
  batch: number;
  seconds: number;
  stepTimes: StepTimes;
  /** `compression.online.budget`. */
  gradientBudget: number;
}

function setupOf(analysis: Analysis, { set = {} }: SweepRun): Setup {
  const { online } = set.compression as {
    online: { tokenDropout: number[]; patchSize: number[]; budget: number };
  };
  const points = analysis.stages[0]!.groups.adam!.points;
  const grid = points.filter(
    ({ tokenDropout, patchSize }) =>
      online.tokenDropout.includes(tokenDropout) && online.patchSize.includes(patchSize),
  );
  return {
    analysis,
    grid: grid.toSorted((a, b) => b.cost - a.cost),
    batch: set['batch.globalBatchSize'] as number,
    seconds: (set.duration as { seconds: number }).seconds * Number(flags.longer),
    stepTimes: set.stepTimes as StepTimes,
    gradientBudget: online.budget,
  };
}

/** A strategy at a stage, and |G|^2 there. */
interface Found {
  point: AnalysisPoint;
  unit: number;
}

/** What is true of a strategy at a progress, in the gradient's own unit, and the standard error of the analysis's bias. */
function truthOf({ stages, settings }: Analysis, progress: number, strategy: Strategy) {
  const interval = 2 * studentQuantile(settings.folds - 1); // in standard errors
  const place = progress * (stages.length - 1);
  const before = Math.min(Math.floor(place), stages.length - 2);
  const [low, high] = [before, before + 1].map((i) => {
    const { points, gradientSquared } = stages[i]!.groups.adam!;
    const point = points.find((one) => keyOf(one) === keyOf(strategy))!;
    return { point, unit: Math.max(0, gradientSquared.value) };
  }) as [Found, Found];
  const between = (of: (point: AnalysisPoint) => number) => {
    const [from, to] = [low, high].map(({ point, unit }) => of(point) * unit) as [number, number];
    return from + (to - from) * (place - before);
  };
  return {
    biasSquared: between(({ biasSquared }) => biasSquared.value),
    standardError: between(({ biasSquared }) => (biasSquared.high - biasSquared.low) / interval),
    variance: between(({ variance }) => variance.value),
  };
}

/** What a probe of two batches would find. */
function probed({ analysis, batch }: Setup, progress: number, candidates: readonly Strategy[]) {
  const { samples } = analysis.settings;
  const points = candidates.map((strategy) => {
    const { biasSquared, standardError, variance } = truthOf(analysis, progress, strategy);
    // <d_A, d_B> scatters as 1 / samples around a bias that noise outweighs, as the root of it around one that it does not.
    const more = samples / (BATCHES * batch);
    const scatter = standardError * (biasSquared > 4 * standardError ? Math.sqrt(more) : more);
    const found = {
      biasSquared: biasSquared + scatter * normal(),
      variance: variance * (1 + VARIANCE_NOISE * normal()),
    };
    return [keyOf(strategy), found] as const;
  });
  return { gradientSquared: 1, points: Object.fromEntries(points) };
}

/** One run: its regret, its probes, and what it trained with from when on. */
function simulated(setup: Setup) {
  const { analysis, grid, batch, seconds, stepTimes, gradientBudget } = setup;
  const budget = new Budget('seconds', seconds);
  const online = new OnlineCompression({
    ...{ budget, grid, globalBatchSize: batch, overhead: 0.03, gradientBudget, firstStep: MOMENT_STEPS },
  });
  const timeOf = (compression: Compression) =>
    secondsOf(compression, stepTimes, { own: analysis.run.patchSize });
  const errorOf = (strategy: Strategy) =>
    adjustedValue(
      truthOf(analysis, budget.progress, strategy),
      strategy.cost / (gradientBudget * batch * grid[0]!.cost),
    );
  const moves: string[] = [];
  let [regret, trained, probes] = [0, 0, 0];
  for (let step = 0; budget.progress < 1; step++) {
    if (online.due(step)) {
      const { candidates, probeForwards: forwards } = online;
      const found = probed(setup, budget.progress, candidates);
      const spent = {
        forwards,
        seconds: BATCHES * candidates.reduce((sum, one) => sum + timeOf(one), 0),
      };
      budget.spend({ steps: 0, ...spent });
      online.take(found, { step, spent });
      probes++;
    }
    const now = grid.find((one) => keyOf(one) === keyOf(online.current))!;
    const time = timeOf(now);
    const least = Math.min(...grid.map(errorOf));
    // At a run's very end the true gradient, and all of its errors, may be lost in noise.
    if (least > 0) regret += time * Math.log(errorOf(now) / least);
    trained += time;
    budget.spend({ steps: 1, forwards: batch * now.cost, seconds: time });
    if (!moves.at(-1)?.endsWith(` ${keyOf(now)}`))
      moves.push(`${(100 * budget.progress).toFixed(0)} %: ${keyOf(now)}`);
  }
  return { regret: regret / trained, probes, moves };
}

const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const runs = [...ssl, ...schedule, ...shortPhotos];
const cases = readdirSync(DIR).flatMap((file) => {
  const name = basename(file, '.json').replace(/^icons-/, 'sched-');
  const run = runs.find((one) => one.name === `${name}-online-quarter-0`);
  return run && new RegExp(flags.only).test(name) ? [{ name, run, path: `${DIR}/${file}` }] : [];
});
console.log('| run | regret | the worst tenth from | probes |');
console.log('| --- | ---: | ---: | ---: |');
const regrets = cases.map(({ name, run, path }) => {
  const setup = setupOf(readAnalysis(path), run);
  const results = Array.from({ length: Number(flags.repeats) }, () => simulated(setup));
  const sorted = results.map(({ regret }) => regret).sort((a, b) => a - b);
  const regret = mean(sorted);
  const probes = mean(results.map((result) => result.probes)).toFixed(1);
  const worst = sorted[Math.floor(0.9 * sorted.length)]!.toFixed(3);
  console.log(`| ${name}, ${setup.seconds.toFixed(1)} s | ${regret.toFixed(3)} | ${worst} | ${probes} |`);
  if (flags.verbose) for (const { moves } of results.slice(0, 3)) console.log(`  ${moves.join(', ')}`);
  return regret;
});
console.log(`| mean | ${mean(regrets).toFixed(3)} | | |`);

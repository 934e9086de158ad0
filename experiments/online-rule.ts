// How near does compression.online come to the least error, if errors are as an analysis found them? Without a GPU, in a minute.
// node --import jiti/register experiments/online-rule.ts [--longer 4] [--repeats 40] [--only PATTERN] [--verbose]
//
// For the `-online-quarter` run of each analysis in experiments/analyses: the run's own budget, step times and candidates. A probe is the analysis's
// bias and variance at that moment, between two snapshots by a straight line, with noise. A regret is the mean over the run's time of the logarithm
// of the error of what is trained with over the least one at that moment: 0.1 is 10 % too much error. Noise counts alike throughout, as in
// a run with a constant learning rate. It does not foretell accuracy: docs/log.md.
import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { mean } from '../scripts/rows.ts';
import type { SweepRun } from '../scripts/sweep.ts';
import { type Analysis, type MeasuredCandidate, readAnalysis } from '../src/analysis/schema.ts';
import { type Candidate, keyOf, type StepTimes, secondsOf } from '../src/compress/index.ts';
import { Draws } from '../src/data/random.ts';
import { adjustedValue, studentQuantile } from '../src/gradient-error/estimate.ts';
import { BATCHES_PER_PROBE } from '../src/online-compression/allowance.ts';
import { OnlineCompression } from '../src/online-compression/index.ts';
import { MOMENT_STEPS } from '../src/run/compression.ts';
import { Budget } from '../src/time/budget.ts';
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

/** Normally distributed numbers, the same for the same parts (Box and Muller 1958). */
function normals(...parts: number[]): () => number {
  const draws = new Draws(...parts);
  return () => Math.sqrt(-2 * Math.log(1 - draws.unit())) * Math.cos(2 * Math.PI * draws.unit());
}

/** A snapshot of an analysis: |G|^2, and candidates by keyOf(). */
interface Snapshot {
  gradientSquared: number;
  candidates: Map<string, MeasuredCandidate>;
}

interface Setup {
  /** The whole sequence first. */
  grid: Candidate[];
  snapshots: Snapshot[];
  samples: number;
  /** Of a confidence interval, in standard errors. */
  interval: number;
  /** The side of the model's own patches. */
  patch: number;
  batch: number;
  seconds: number;
  stepTimes: StepTimes;
  /** `compression.online.gradientCompute`. */
  gradientCompute: number;
}

function setupOf({ run, settings, snapshots }: Analysis, { set = {} }: SweepRun): Setup {
  const { online } = set.compression as {
    online: { tokenDropout: number[]; patchSize: number[]; gradientCompute: number };
  };
  const groups = snapshots.map((snapshot) => snapshot.groups.adam!);
  return {
    grid: groups[0]!.candidates.filter(
      ({ tokenDropout, patchSize }) =>
        online.tokenDropout.includes(tokenDropout) && online.patchSize.includes(patchSize),
    ),
    snapshots: groups.map(({ gradientSquared, candidates }) => ({
      gradientSquared: Math.max(0, gradientSquared.value),
      candidates: new Map(candidates.map((candidate) => [keyOf(candidate), candidate])),
    })),
    samples: settings.samples,
    interval: 2 * studentQuantile(settings.folds - 1),
    patch: run.patchSize,
    batch: set['batch.globalBatchSize'] as number,
    seconds: (set.duration as { seconds: number }).seconds * Number(flags.longer),
    stepTimes: set.stepTimes as StepTimes,
    gradientCompute: online.gradientCompute,
  };
}

/** What is true of a candidate at a progress, in the gradient's own unit, and the standard error of the analysis's bias. */
function truthOf({ snapshots, interval }: Setup, progress: number, candidate: Candidate) {
  const place = progress * (snapshots.length - 1);
  const before = Math.min(Math.floor(place), snapshots.length - 2);
  const key = keyOf(candidate);
  const between = (number: (measured: MeasuredCandidate) => number) => {
    const [low, high] = [before, before + 1].map((i) => {
      const { candidates, gradientSquared } = snapshots[i]!;
      return number(candidates.get(key)!) * gradientSquared;
    }) as [number, number];
    return low + (high - low) * (place - before);
  };
  return {
    biasSquared: between(({ biasSquared }) => biasSquared.value),
    standardError: between(({ biasSquared }) => (biasSquared.high - biasSquared.low) / interval),
    variance: between(({ variance }) => variance.value),
  };
}

/** What a probe of two batches would find. */
function probed(
  setup: Setup,
  progress: number,
  { candidates, normal }: { candidates: readonly Candidate[]; normal: () => number },
) {
  const { samples, batch } = setup;
  const points = candidates.map((candidate) => {
    const { biasSquared, standardError, variance } = truthOf(setup, progress, candidate);
    // <d_A, d_B> scatters as 1 / samples around a bias that noise outweighs, as the root of it around one that it does not.
    const more = samples / (BATCHES_PER_PROBE * batch);
    const scatter = standardError * (biasSquared > 4 * standardError ? Math.sqrt(more) : more);
    const found = {
      biasSquared: biasSquared + scatter * normal(),
      variance: variance * (1 + VARIANCE_NOISE * normal()),
    };
    return [keyOf(candidate), found] as const;
  });
  return { gradientSquared: 1, byCompression: Object.fromEntries(points) };
}

/** One run: its regret, its probes, and what it trained with from when on. */
function simulated(setup: Setup, normal: () => number) {
  const { grid, batch, seconds, stepTimes, patch, gradientCompute } = setup;
  const budget = new Budget('seconds', seconds);
  const timeOf = (candidate: Candidate) => secondsOf(candidate, stepTimes, { ownPatchSize: patch });
  const online = new OnlineCompression({
    budget,
    grid,
    globalBatchSize: batch,
    overhead: 0.03,
    gradientCompute,
    firstStep: MOMENT_STEPS,
    secondsOf: timeOf,
  });
  const errorOf = (candidate: Candidate) =>
    adjustedValue(
      truthOf(setup, budget.progress, candidate),
      candidate.cost / (gradientCompute * batch * grid[0]!.cost),
    );
  const moves: string[] = [];
  let [regret, trained, probes] = [0, 0, 0];
  for (let step = 0; budget.progress < 1; step++) {
    if (online.isDue(step)) {
      const { candidates, probeForwards: forwards, probeSeconds } = online;
      const found = probed(setup, budget.progress, { candidates, normal });
      const spent = { forwards, seconds: probeSeconds! };
      budget.spend({ steps: 0, ...spent });
      online.add(found, { step, spent });
      probes++;
    }
    const now = grid.find((one) => keyOf(one) === keyOf(online.current))!;
    const time = timeOf(now);
    const errors = grid.map(errorOf);
    const least = Math.min(...errors);
    // At a run's very end the true gradient, and all of its errors, may be lost in noise.
    if (least > 0) regret += time * Math.log(errors[grid.indexOf(now)]! / least);
    trained += time;
    budget.spend({ steps: 1, forwards: batch * now.cost, seconds: time });
    if (!moves.at(-1)?.endsWith(` ${keyOf(now)}`))
      moves.push(`${(100 * budget.progress).toFixed(0)} %: ${keyOf(now)}`);
  }
  return { regret: regret / trained, probes, moves };
}

const runs = [...ssl, ...schedule, ...shortPhotos];
const cases = readdirSync(DIR).flatMap((file) => {
  const name = basename(file, '.json').replace(/^icons-/, 'sched-');
  const run = runs.find((one) => one.name === `${name}-online-quarter-0`);
  return run && new RegExp(flags.only).test(name) ? [{ name, run, path: `${DIR}/${file}` }] : [];
});
console.log('| run | regret | the worst tenth from | probes |');
console.log('| --- | ---: | ---: | ---: |');
const regrets = cases.map(({ name, run, path }, i) => {
  const setup = setupOf(readAnalysis(path), run);
  const results = Array.from({ length: Number(flags.repeats) }, (_, k) => simulated(setup, normals(i, k)));
  const sorted = results.map(({ regret }) => regret).sort((a, b) => a - b);
  const regret = mean(sorted);
  const probes = mean(results.map((result) => result.probes)).toFixed(1);
  const worst = sorted[Math.floor(0.9 * sorted.length)]!.toFixed(3);
  console.log(`| ${name}, ${setup.seconds.toFixed(1)} s | ${regret.toFixed(3)} | ${worst} | ${probes} |`);
  if (flags.verbose) for (const { moves } of results.slice(0, 3)) console.log(`  ${moves.join(', ')}`);
  return regret;
});
console.log(`| mean | ${mean(regrets).toFixed(3)} | | |`);

import { describe, expect, it } from 'vitest';
import { madeUpAnalysis } from '../../tests/analysis/made-up.ts';
import { scheduleFileSchema } from '../compress/index.ts';
import { groupOf, scheduleOf } from './schedule-rule.ts';
import type { Analysis, MeasuredCandidate } from './schema.ts';

const analysis = madeUpAnalysis();

/** An analysis with the least error at the named candidate of each snapshot. */
function withBest(best: readonly (readonly [number, number])[], secondBest = 100): Analysis {
  const made = madeUpAnalysis();
  made.snapshots.forEach(({ groups }, i) => {
    groups.all.candidates.forEach((candidate) => {
      const isBest = candidate.tokenDropout === best[i][0] && candidate.patchSize === best[i][1];
      setBias(candidate, isBest ? 0 : secondBest);
    });
  });
  return made;
}

function setBias(candidate: MeasuredCandidate, value: number): void {
  candidate.biasSquared = { plain: value, value, low: value, high: value };
}

const stagesOf = (found: {
  file: { stages: { from: number; tokenDropout: number; patchSize?: number }[] };
}) => found.file.stages.map(({ from, tokenDropout, patchSize }) => [from, tokenDropout, patchSize]);

describe('the rule', () => {
  it('takes the least error of each snapshot, by the formula of the made-up analysis', () => {
    const { snapshots } = scheduleOf(analysis);
    analysis.snapshots.forEach(({ groups: { all } }, i) => {
      const least = Math.min(
        ...all.candidates.map(
          ({ biasSquared, variance, cost }) =>
            biasSquared.value + (cost / analysis.settings.batchForwards) * variance.value,
        ),
      );
      expect(snapshots[i].best.error.value).toBeCloseTo(least, 12);
    });
    expect(snapshots[0].best.cost).toBeLessThan(snapshots.at(-1)!.best.cost);
  });

  it('counts costs by measured seconds where there is a table: what is slower than its tokens say is chosen less', () => {
    const made = madeUpAnalysis();
    const [{ groups }] = made.snapshots;
    const { patchSize: own } = made.run;
    const [whole, ...others] = groups.all.candidates;
    const byTokens = scheduleOf(made);
    // Tokens in other units: the same schedule.
    const same = groups.all.candidates.map(({ tokenDropout, patchSize, cost }) => ({
      tokenDropout,
      patchSize,
      seconds: cost / 100,
    }));
    const found = scheduleOf(made, { stepTimes: same });
    expect(found.file).toEqual(byTokens.file);
    expect(found.meanCost).toBeCloseTo(byTokens.meanCost, 9);
    // As slow as whole sequences: the least biased wins.
    const slow = groups.all.candidates.map(({ tokenDropout, patchSize }) => ({
      tokenDropout,
      patchSize,
      seconds: 1,
    }));
    for (const { groups: all } of made.snapshots)
      for (const candidate of all.all.candidates) candidate.variance = { value: 50, low: 50, high: 50 };
    expect(stagesOf(scheduleOf(made, { stepTimes: slow }))).toEqual([[0, 0, own]]);
    expect(others.length).toBeGreaterThan(0);
    expect(() => scheduleOf(made, { stepTimes: [{ ...whole, seconds: 1 }] })).toThrow(
      /--step-times has no row for tokenDropout .* and patchSize .*: measure it too/,
    );
  });

  it('is piecewise constant on bins centred on the snapshots, equal neighbours as one', () => {
    const found = scheduleOf(
      withBest([
        [0.5, 16],
        [0.5, 16],
        [0.5, 8],
        [0, 8],
        [0, 8],
      ]),
    );
    expect(stagesOf(found)).toEqual([
      [0, 0.5, 16],
      [0.375, 0.5, 8],
      [0.625, 0, 8],
    ]);
    expect(scheduleFileSchema.parse(found.file)).toEqual(found.file);
    const costs = madeUpAnalysis().snapshots[0].groups.all.candidates;
    const cost = (d: number, q: number) => costs.find((p) => p.tokenDropout === d && p.patchSize === q)!.cost;
    const samples = 0.375 / cost(0.5, 16) + 0.25 / cost(0.5, 8) + 0.375 / cost(0, 8);
    expect(found.meanCost).toBeCloseTo(1 / samples, 12);
    expect(found.wholeCost).toBe(cost(0, 8));
  });

  it('monotone: of all paths that never compress more, the one that gives away least', () => {
    const made = withBest(
      [
        [0.25, 8],
        [0.5, 8],
        [0.25, 8],
        [0, 16],
        [0, 8],
      ],
      3,
    );
    const found = scheduleOf(made, { monotone: true });
    // By trying all paths.
    const { candidates } = made.snapshots[0].groups.all;
    const lengths = [0.125, 0.25, 0.25, 0.25, 0.125];
    const errors = made.snapshots.map(({ groups }) => scheduleErrors(groups.all.candidates, made));
    let least = { loss: Infinity, path: [] as number[] };
    const walk = (path: number[], loss: number) => {
      if (path.length === 5) {
        if (loss < least.loss) least = { loss, path };
        return;
      }
      candidates.forEach((next, i) => {
        const before = candidates[path.at(-1) ?? i];
        if (next.tokenDropout > before.tokenDropout || next.patchSize > before.patchSize) return;
        const s = path.length;
        walk([...path, i], loss + lengths[s] * Math.log(errors[s][i] / Math.min(...errors[s])));
      });
    };
    walk([], 0);
    const expected = least.path.map((i) => [candidates[i].tokenDropout, candidates[i].patchSize]);
    expect(stagesOf(found).map(([, ...pair]) => pair)).toEqual(
      expected.filter((pair, i) => `${pair}` !== `${expected[i - 1]}`),
    );
    expect(stagesOf(scheduleOf(made))).not.toEqual(stagesOf(found));
  });

  it('takes one candidate for the whole run from one snapshot alone, interpolated or not', () => {
    const made = withBest(Array.from({ length: 5 }, () => [0.5, 16] as const));
    for (const share of [0, 0.5, 1]) {
      const [snapshot] = made.snapshots;
      const alone = { ...made, snapshots: [{ ...snapshot, share }] };
      for (const interpolate of [false, true])
        expect(stagesOf(scheduleOf(alone, { interpolate }))).toEqual([[0, 0.5, 16]]);
    }
  });

  it('interpolated, a candidate ends where the curves cross rather than half way', () => {
    const made = madeUpAnalysis();
    // Two candidates alone: errors 1 -> 10 and 4 -> 5 on logarithms cross at log 4 / (log 4 + log 2) = 2/3.
    made.snapshots = [made.snapshots[0], made.snapshots[4]];
    const given = [
      [1, 10],
      [4, 5],
    ];
    made.snapshots.forEach(({ groups: { all } }, s) => {
      all.candidates = all.candidates.slice(0, 2);
      all.candidates.forEach((candidate, i) => {
        candidate.variance = { value: 0, low: 0, high: 0 };
        setBias(candidate, given[i][s]);
      });
    });
    const froms = (options = {}) => scheduleOf(made, options).file.stages.map(({ from }) => from);
    expect(froms()).toEqual([0, 0.5]);
    expect(froms({ interpolate: true })).toEqual([0, 0.65]);
  });

  it('less gradient compute takes cheaper sequences, more takes dearer ones', () => {
    const mean = (gradientCompute: number) => scheduleOf(analysis, { gradientCompute }).meanCost;
    expect(mean(0.25)).toBeLessThan(mean(1));
    expect(mean(4)).toBeGreaterThan(mean(1));
  });

  it('names what the samples do not tell apart', () => {
    const { snapshots } = scheduleOf(analysis);
    for (const { best, alike } of snapshots) {
      for (const other of alike) expect(other.error.low).toBeLessThanOrEqual(best.error.value);
      expect(alike).not.toContain(best);
    }
    const clear = scheduleOf(
      withBest([
        [0, 8],
        [0, 8],
        [0, 8],
        [0, 8],
        [0, 8],
      ]),
    );
    expect(clear.snapshots.every(({ alike }) => alike.length === 0)).toBe(true);
  });

  it('another group of parameters, another schedule; one that is not there is refused', () => {
    expect(scheduleOf(analysis, { parameters: 'image' }).snapshots).not.toEqual(
      scheduleOf(analysis).snapshots,
    );
    expect(() => scheduleOf(analysis, { parameters: 'text' })).toThrow(
      "The analysis has no gradient of 'text': use --parameters image or all.",
    );
    expect(() => scheduleOf(analysis, { gradientCompute: 0 })).toThrow(
      '--gradient-compute 0: expected a number above 0.',
    );
    expect(groupOf(analysis.snapshots[0], {})).toBe(analysis.snapshots[0].groups.all);
  });
});

function scheduleErrors(candidates: readonly MeasuredCandidate[], { settings }: Analysis): number[] {
  return candidates.map(
    ({ biasSquared, variance, cost }) =>
      Math.max(0, biasSquared.value) + (cost / settings.batchForwards) * variance.value,
  );
}

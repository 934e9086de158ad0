import { describe, expect, test } from 'vitest';
import { type Candidate, keyOf } from '../compress/index.ts';
import { Budget } from '../time/budget.ts';
import type { Probe } from './averages.ts';
import { OnlineCompression } from './controller.ts';

/** The whole sequence costs 4 forwards, half of its tokens 2, a quarter 1. */
const grid: Candidate[] = [
  { tokenDropout: 0, patchSize: 4, cost: 4, sequenceLength: 65 },
  { tokenDropout: 0.5, patchSize: 4, cost: 2, sequenceLength: 33 },
  { tokenDropout: 0.75, patchSize: 4, cost: 1, sequenceLength: 17 },
];
const BATCH = 8;
const WHOLE = 4 * BATCH;
const PROBE = 2 * BATCH * 7;

/** Shorter sequences have more bias; whole ones have none. */
function probe({
  bias,
  variance,
  candidates = grid,
}: {
  bias: number;
  variance: number;
  candidates?: readonly Candidate[];
}): Probe {
  const points = candidates.map((candidate) => [
    keyOf(candidate),
    { biasSquared: (bias * (4 - candidate.cost)) / 3, variance },
  ]);
  return { gradientSquared: 1, byCompression: Object.fromEntries(points) };
}

function made({
  forwards = 2000 * WHOLE,
  overhead = 0.03,
  unit = 'forwards' as 'forwards' | 'steps' | 'seconds',
  gradientCompute = 1,
  rateShare = (_progress: number): number => 1,
} = {}) {
  const budget = new Budget(unit, unit === 'steps' ? forwards / WHOLE : forwards);
  return {
    budget,
    online: new OnlineCompression({
      ...{ budget, grid, globalBatchSize: BATCH, overhead, gradientCompute, rateShare },
    }),
  };
}

/**
 * Trains to the end. Returns the costs of steps and of probes.
 * @param find bias and variance at a progress
 * @param restartAt step before which the run resumes from its state
 */
function run(
  given: ReturnType<typeof made>,
  find: (progress: number, step: number) => { bias: number; variance: number },
  { restartAt, again = () => given }: { restartAt?: number; again?: () => ReturnType<typeof made> } = {},
) {
  let { budget, online } = given;
  const chosen: number[] = [];
  let probes = 0;
  const costNow = () => grid.find((candidate) => keyOf(candidate) === keyOf(online.current))!.cost;
  const cost = () => ({ steps: 1, forwards: BATCH * costNow() });
  for (let step = 0; !budget.isExceededBy(cost()); step++) {
    if (step === restartAt) {
      const [state, { spent }] = [JSON.parse(JSON.stringify(online.state())), budget];
      ({ budget, online } = again());
      budget.restore(spent);
      online.restore(state, 'here');
    }
    if (online.isDue(step)) {
      const spent = { forwards: online.probeForwards, seconds: 0 };
      budget.spend({ steps: 0, ...spent });
      online.add(probe({ ...find(budget.progress, step), candidates: online.candidates }), { step, spent });
      probes += spent.forwards;
    }
    expect(budget.isExceededBy(cost())).toBe(false); // the steps can still be paid
    budget.spend({ ...cost(), seconds: 0 });
    chosen.push(costNow());
  }
  return { chosen, probes, share: probes / budget.spent.forwards };
}

describe('what it chooses', () => {
  test('the shorter, the less compute a gradient has', () => {
    const chosen = (gradientCompute: number) =>
      run(made({ gradientCompute }), () => ({ bias: 1, variance: WHOLE / 4 })).chosen.at(-1);
    // 1 / b for whole sequences against 1 + 1 / (4 b) for a quarter: they meet at b = 3 / 4.
    expect([1, 0.8, 0.7, 0.1].map(chosen)).toEqual([4, 4, 1, 1]);
  });

  // @proves choose
  test('the longer, the lower the learning rate, which noise counts by and bias does not', () => {
    const chosen = (rate: number) =>
      run(made({ gradientCompute: 0.5, rateShare: () => rate }), () => ({ bias: 1, variance: WHOLE / 4 }));
    // r / b for whole sequences against 1 + r / (4 b) for a quarter: they meet at r / b = 4 / 3.
    expect([1, 0.7, 0.6, 0].map((rate) => chosen(rate).chosen.at(-1))).toEqual([1, 1, 4, 4]);
    const falling = run(made({ gradientCompute: 0.5, rateShare: (progress) => 1 - progress }), () => ({
      bias: 1,
      variance: WHOLE / 4,
    }));
    expect([falling.chosen[0], falling.chosen.at(-1)]).toEqual([1, 4]);
    const { budget, online } = made({ rateShare: (progress) => 1 - progress });
    budget.spend({ steps: 0, forwards: 500 * WHOLE, seconds: 0 }); // a quarter of the run
    online.add(probe({ bias: 3, variance: 96 }), { step: 0, spent: { forwards: PROBE, seconds: 0 } });
    expect(online.row()).toMatchObject({ 'probe/error': 3 + 2.25, 'probe/error_whole': 9 });
  });

  test('the shortest where noise dominates, the whole where bias does', () => {
    expect(new Set(run(made(), () => ({ bias: 0.001, variance: 100 })).chosen)).toEqual(new Set([1]));
    expect(new Set(run(made(), () => ({ bias: 50, variance: 100 })).chosen)).toEqual(new Set([4]));
  });

  // @proves choose
  test('the error is Bias^2 + cost / (batch times whole cost) Var', () => {
    // Between half and whole: 2/3 b + V/16 against V/8; between a quarter and half: b + V/32 against 2/3 b + V/16.
    const at = (bias: number) => run(made(), () => ({ bias, variance: 96 })).chosen.at(-1);
    expect([8.9, 9.1].map(at)).toEqual([1, 4]);
    const cheap = {
      gradientSquared: 1,
      byCompression: {
        '0 4': { biasSquared: 0, variance: 96 },
        '0.5 4': { biasSquared: 5.9, variance: 96 },
        '0.75 4': { biasSquared: 9.1, variance: 96 },
      },
    };
    const { online } = made();
    online.add(cheap, { step: 0, spent: { forwards: PROBE, seconds: 0 } });
    expect(online.current).toEqual({ tokenDropout: 0.5, patchSize: 4 }); // 5.9 + 6 < 12, 9.1 + 3
  });

  // @proves choose
  test('dearer ones as bias grows, and never back when noise returns', () => {
    const { chosen } = run(made(), (progress) => ({ bias: 40 * progress, variance: 96 }));
    expect([chosen[0], chosen.at(-1)]).toEqual([1, 4]);
    expect(chosen).toEqual(chosen.toSorted((a, b) => a - b));
    // Half of the tokens are best until noise returns; then a quarter is.
    const { budget, online } = made();
    budget.spend({ steps: 0, forwards: 1000 * WHOLE, seconds: 0 });
    const take = (biasOfQuarter: number, step: number) => {
      const points = { '0 4': 0, '0.5 4': 1, '0.75 4': biasOfQuarter };
      const open = online.candidates.map((candidate) => keyOf(candidate));
      const found = Object.entries(points).filter(([key]) => open.includes(key));
      online.add(
        {
          gradientSquared: 1,
          byCompression: Object.fromEntries(
            found.map(([key, biasSquared]) => [key, { biasSquared, variance: 96 }]),
          ),
        },
        { step, spent: { forwards: PROBE, seconds: 0 } },
      );
      return { now: online.current.tokenDropout, open };
    };
    expect([50, 50, 50].map((bias, i) => take(bias, 2 * i).now)).toEqual([0.5, 0.5, 0.5]);
    for (let i = 3; i < 12; i++) expect(take(0, 2 * i)).toEqual({ now: 0.5, open: ['0 4', '0.5 4'] });
  });

  // @proves withProbe
  test('a probe counts half after a twentieth of the run', () => {
    const { online, budget } = made();
    const take = (bias: number) => {
      const step = budget.spent.steps;
      const spent = { forwards: PROBE, seconds: 0 };
      online.add(probe({ bias, variance: 96, candidates: online.candidates }), { step, spent });
      return online.current.tokenDropout;
    };
    const later = (share: number) => budget.spend({ steps: 2, forwards: share * 2000 * WHOLE, seconds: 0 });
    expect([0, 0, 0].map(take)).toEqual([0.75, 0.75, 0.75]);
    // Whole sequences win from a mean bias of 9 on: one of 20 against three of 0 that count half, then a quarter.
    const probed = (share: number, bias: number) => {
      const before = online.state();
      later(share);
      const now = take(bias);
      const { points, weight } = online.state().averages;
      online.restore(before, 'here');
      return { now, bias: points['0.75 4']!.biasSquared / weight };
    };
    expect(probed(0.05, 20)).toEqual({ now: 0.75, bias: expect.closeTo(20 / (1 + 3 / 2), 10) });
    expect(probed(0.05, 20)).toEqual({ now: 0, bias: expect.closeTo(20 / (1 + 3 / 4), 10) });
  });

  test('during the first probes it may move to and fro', () => {
    const { online } = made();
    const at = (step: number, bias: number) => {
      online.add(probe({ bias, variance: 96 }), { step, spent: { forwards: PROBE, seconds: 0 } });
      return online.current.tokenDropout;
    };
    expect([at(0, 100), at(2, -100), at(4, -100)]).toEqual([0, 0.75, 0.75]);
    const { online: again } = made();
    const spent = { forwards: PROBE, seconds: 0 };
    for (const [i, bias] of [1000, 1000, -9000].entries())
      again.add(probe({ bias, variance: 96 }), { step: 2 * i, spent });
    expect(again.current.tokenDropout).toBe(0.75); // the third is free too
  });

  test('the same probes give the same choices', () => {
    const noise = (_: number, step: number) => ({ bias: 12 * Math.sin(step) ** 2, variance: 96 });
    expect(run(made(), noise).chosen).toEqual(run(made(), noise).chosen);
  });

  test('a probe that is not finite is paid for and not used', () => {
    const { online } = made();
    const broken = probe({ bias: 0, variance: Number.NaN });
    expect(online.add(broken, { step: 0, spent: { forwards: PROBE, seconds: 0 } })).toBe(false);
    expect(online.current).toEqual({ tokenDropout: 0, patchSize: 4 });
    expect(
      online.add(probe({ bias: 0, variance: 96 }), { step: 2, spent: { forwards: PROBE, seconds: 0 } }),
    ).toBe(true);
    expect(online.current.tokenDropout).toBe(0.75);
    expect(online.state().spent.forwards).toBe(2 * PROBE);
    expect(online.state().probes).toBe(1);
  });
});

describe('when it probes', () => {
  test.each([
    ['forwards', 0.03, 2000],
    ['forwards', 0.1, 300],
    ['forwards', 0.01, 1500],
    ['steps', 0.03, 2000],
    ['steps', 0.2, 80],
    // @proves allowanceOf
  ] as const)(
    '%s: a share of %f of %i steps is never passed at the end, and is nearly used',
    (unit, overhead, steps) => {
      for (const bias of [0, 8.5]) {
        const { share } = run(made({ unit, overhead, forwards: steps * WHOLE }), () => ({
          bias,
          variance: 96,
        }));
        expect(share).toBeLessThanOrEqual(overhead);
        if (bias === 0) expect(share).toBeGreaterThan(overhead / 2);
      }
    },
  );

  // @proves allowanceOf
  test('the first at the start, the others early: as the root of the progress, no batch in two of them', () => {
    const { online, budget } = made();
    const at: number[] = [];
    for (let step = 0; !budget.isExceededBy({ steps: 1, forwards: WHOLE }); step++) {
      if (online.isDue(step)) {
        const spent = { forwards: online.probeForwards, seconds: 0 };
        expect(online.state().spent.forwards + spent.forwards).toBeLessThanOrEqual(
          Math.max(PROBE, 0.03 * 2000 * WHOLE * Math.min(1, Math.sqrt(budget.progress / 0.75))),
        );
        at.push(budget.progress);
        budget.spend({ steps: 0, ...spent });
        online.add(probe({ bias: 8.5, variance: 96, candidates: online.candidates }), { step, spent });
      }
      budget.spend({ steps: 1, forwards: WHOLE, seconds: 0 });
    }
    // 3 % of 2,000 steps are 17 probes of 3.5 steps.
    expect(at).toHaveLength(17);
    expect(at[0]).toBe(0);
    expect(at.slice(1)).toEqual(at.slice(1).map((_, i) => expect.closeTo(0.75 * ((i + 2) / 17.14) ** 2, 2)));
  });

  test('a batch is in one probe at most, also where the share would pay for more', () => {
    const { online, budget } = made({ overhead: 0.2, forwards: 4000 * WHOLE });
    const at: number[] = [];
    for (let step = 0; step < 100; step++) {
      if (online.isDue(step)) {
        const spent = { forwards: online.probeForwards, seconds: 0 };
        at.push(step);
        budget.spend({ steps: 0, ...spent });
        online.add(probe({ bias: 0, variance: 96, candidates: online.candidates }), { step, spent });
      }
      budget.spend({ steps: 1, forwards: WHOLE, seconds: 0 });
    }
    expect(Math.min(...at.slice(1).map((step, i) => step - at[i]!))).toBe(2);
  });

  test('a duration in steps that are dearer than the cheapest pays for more probes, later', () => {
    const ofMiddle = () => ({
      gradientSquared: 1,
      byCompression: {
        '0 4': { biasSquared: 0, variance: 96 },
        '0.5 4': { biasSquared: 1, variance: 96 },
        '0.75 4': { biasSquared: 50, variance: 96 },
      },
    });
    const { online, budget } = made({ unit: 'steps' });
    const spentAt: number[] = [];
    for (let step = 0; !budget.isExceededBy({ steps: 1, forwards: 0 }); step++) {
      if (online.isDue(step)) {
        const spent = { forwards: online.probeForwards, seconds: 0 };
        budget.spend({ steps: 0, ...spent });
        online.add(ofMiddle(), { step, spent });
        spentAt.push(online.state().spent.forwards / budget.spent.forwards);
      }
      budget.spend({ steps: 1, forwards: 2 * BATCH, seconds: 0 });
    }
    expect(spentAt.at(-1)).toBeLessThanOrEqual(0.03);
    expect(online.state().spent.forwards).toBeGreaterThan(0.9 * 0.03 * budget.spent.forwards);
  });

  test('a table of seconds tells what a probe costs before it is taken', () => {
    const context = { grid, globalBatchSize: BATCH, overhead: 0.03, gradientCompute: 1 };
    const secondsOf = ({ cost }: Candidate) => cost; // a probe of all: 14 s
    expect(
      () => new OnlineCompression({ ...context, budget: new Budget('seconds', 400), secondsOf }),
    ).toThrow(/The first probe takes 14\.0 s, and overhead 0\.03 of 400 s allows 12\.0 s\./);
    const budget = new Budget('seconds', 1000);
    const online = new OnlineCompression({ ...context, budget, secondsOf });
    const spent = { forwards: online.probeForwards, seconds: 14 };
    budget.spend({ steps: 0, ...spent });
    online.add(probe({ bias: 0, variance: 96 }), { step: 0, spent });
    budget.spend({ steps: 1, forwards: 0, seconds: 0.75 * 1000 * (28 / 30) ** 2 - 14 - 1 });
    expect(online.isDue(2)).toBe(false);
    budget.spend({ steps: 1, forwards: 0, seconds: 2 });
    expect(online.isDue(3)).toBe(true);
  });

  test('one whose share pays for three has the first at once, one that is shorter is refused', () => {
    const ofLength = (probes: number) => made({ forwards: (probes * PROBE) / 0.03 + WHOLE });
    const { online } = ofLength(3.01);
    expect(online.isDue(0)).toBe(true);
    online.add(probe({ bias: 0, variance: 96 }), { step: 0, spent: { forwards: PROBE, seconds: 0 } });
    expect(online.isDue(2)).toBe(false);
    expect(() => ofLength(2.99)).toThrow(
      /One probe of 3 compressions costs 3\.5 training steps, and overhead 0\.03 cannot pay for 3 probes\. Train 1\.1 times as long,/,
    );
  });

  test('none when nothing dearer is left', () => {
    const setup = made();
    const { chosen, probes } = run(setup, () => ({ bias: 100, variance: 96 }));
    expect(chosen[0]).toBe(4);
    expect(probes).toBe(3 * PROBE);
  });

  test('one probe that finds nothing cheaper leaves the choice open: a later one may take it', () => {
    const { online, budget } = made({ unit: 'seconds', forwards: 1000 });
    const take = (step: number, biases: { bias: number; variance: number }) => {
      const spent = { forwards: online.probeForwards, seconds: 12 };
      budget.spend({ steps: 0, ...spent });
      online.add(probe({ ...biases, candidates: online.candidates }), { step, spent });
      return online.current.tokenDropout;
    };
    expect(take(0, { bias: 1000, variance: 1 })).toBe(0);
    expect(online.isDue(2)).toBe(false);
    budget.spend({ steps: 500, forwards: 0, seconds: 900 });
    expect(online.isDue(502)).toBe(true);
    expect(take(502, { bias: -4000, variance: 96 })).toBeGreaterThan(0);
  });

  test('a time is the budget: the next probe is weighed by the pace of the last', () => {
    const { online, budget } = made({ unit: 'seconds', forwards: 1000 });
    const take = (step: number, seconds: number) => {
      const spent = { forwards: online.probeForwards, seconds };
      budget.spend({ steps: 0, ...spent });
      online.add(probe({ bias: 0, variance: 96, candidates: online.candidates }), { step, spent });
    };
    expect(online.isDue(0)).toBe(true);
    take(0, 8);
    expect(online.isDue(2)).toBe(false);
    // 16 of 30 s are allowed from progress 3/4 (16 / 30)^2.
    budget.spend({ steps: 200, forwards: 0, seconds: 213 - 8 });
    expect(online.isDue(202)).toBe(false);
    budget.spend({ steps: 1, forwards: 0, seconds: 1 });
    expect(online.isDue(203)).toBe(true);
    take(203, 6);
    budget.spend({ steps: 1, forwards: 0, seconds: 0 });
    expect(online.row()['probe/share']).toBeCloseTo(14 / 220, 12);
    expect(() =>
      made({ unit: 'seconds', forwards: 100 }).online.add(probe({ bias: 0, variance: 96 }), {
        step: 0,
        spent: { forwards: PROBE, seconds: 8 },
      }),
    ).toThrow(/The first probe takes 8\.00 s, and overhead 0\.03 of 100 s allows 3\.00 s\./);
  });
});

describe('its state', () => {
  test('goes through JSON at any step, and the rest of the run is the same', () => {
    const find = (progress: number, step: number) => ({
      bias: 30 * progress + 3 * Math.sin(step),
      variance: 96,
    });
    const again = () => made({ forwards: 400 * WHOLE, overhead: 0.2 });
    const whole = run(again(), find);
    expect(new Set(whole.chosen).size).toBeGreaterThan(1);
    for (let restartAt = 1; restartAt < whole.chosen.length; restartAt += restartAt < 6 ? 1 : 7)
      expect(run(again(), find, { restartAt, again })).toEqual(whole);
  });

  test('a resume with a longer duration, which is earlier in its run, lets old probes count no more than new ones', () => {
    const { online, budget } = made();
    budget.spend({ steps: 1, forwards: 1500 * WHOLE, seconds: 0 });
    online.add(probe({ bias: 0, variance: 96 }), { step: 0, spent: { forwards: PROBE, seconds: 0 } });
    const { budget: longer, online: again } = made({ forwards: 4000 * WHOLE });
    longer.restore(budget.spent);
    again.restore(online.state(), 'here');
    again.add(probe({ bias: 40, variance: 96 }), { step: 2, spent: { forwards: PROBE, seconds: 0 } });
    const { points, weight } = again.state().averages;
    expect(points['0.75 4']!.biasSquared / weight).toBeCloseTo(20, 10);
  });

  test('of other candidates, none, or of an earlier version is refused', () => {
    const { online } = made();
    expect(() => online.restore(undefined, 'step-3')).toThrow(
      /^step-3 has no state of compression\.online with these candidates/,
    );
    expect(() => online.restore({ ...online.state(), current: '0.1 4' }, 'step-3')).toThrow(
      /with these candidates/,
    );
    const { progress: _, ...averages } = online.state().averages;
    expect(() => online.restore({ ...online.state(), averages: averages as never }, 'step-3')).toThrow(
      /^step-3 was written by an earlier version, .* start the run again/,
    );
  });
});

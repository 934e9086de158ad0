import { describe, expect, test } from 'vitest';
import {
  error,
  finiteDifferences,
  int64,
  type Matrix,
  matrix,
  reshape,
  rotate,
  scalar,
  uniform,
  unitRows,
} from '../../tests/contract/numbers.ts';
import {
  each,
  naiveA,
  naiveG,
  naiveGradient,
  type Pair,
  type Case as PairsCase,
  weightedG,
} from '../../tests/contract/pairs.ts';
import { backward, type DType, gradsOf, scope, type Tensor, tensor } from '../torch/index.ts';
import {
  logInnerEstimate,
  logNegativeCount,
  logNegativeCountIn,
  movingAverage,
  negativesOf,
  similarityOf,
  surrogateLoss,
  temperatureGradient,
} from './global-contrastive.ts';

const B = 6;
const E = 4;
const TAU = 0.5;
const EPS = 1e-3;
const RHO = 0.7;

type Case = PairsCase & { tau: number };

const DISTINCT: Case = {
  image: unitRows(B, E, 11),
  text: unitRows(B, E, 12),
  ids: [0, 1, 2, 3, 4, 5],
  tau: TAU,
  eps: EPS,
};
/** The second and the fifth are one sample. */
const DUPLICATED: Case = { ...DISTINCT, ids: [0, 1, 2, 3, 1, 5] };

/** 1/2 RGCL-g on the batch (FastCLIP 1.2): with gamma = 1 the estimators are its gradients. */
function halfRgcl(batch: Case): number {
  const g = naiveG(batch);
  const logs = [...g.image, ...g.text].map((v) => Math.log(batch.eps + v));
  return (batch.tau / (2 * batch.ids.length)) * logs.reduce((sum, v) => sum + v, 0) + RHO * batch.tau;
}

const logs = (values: number[], dtype: DType) =>
  tensor(Float64Array.from(values, Math.log), undefined, { dtype });

function logG(batch: Case, dtype: DType = 'float64'): { image: Tensor; text: Tensor } {
  const similarity = matrix(batch.image, dtype).matmul(matrix(batch.text, dtype).t);
  const ids = int64(batch.ids);
  const options = {
    negatives: negativesOf(ids, ids),
    logCount: logNegativeCount(ids, dtype),
    tau: scalar(batch.tau, dtype),
  };
  const positive = similarity.diagonal().unsqueeze(1);
  return {
    image: logInnerEstimate(similarity.sub(positive), options),
    text: logInnerEstimate(similarity.t.sub(positive), options),
  };
}

/** Gradients and a, averaged over `ranks` simulated ranks. */
function estimate(
  batch: Case,
  u: Pair,
  { ranks = 1, dtype = 'float64' as DType, gathersGradient = false } = {},
) {
  return scope(() => {
    const b = batch.ids.length / ranks;
    const tau = scalar(batch.tau, dtype);
    const global = { image: matrix(batch.image, dtype), text: matrix(batch.text, dtype) };
    const globalIds = int64(batch.ids);
    const withEps = (values: number[]) =>
      logs(
        values.map((v) => v + batch.eps),
        dtype,
      );
    const logU = { image: withEps(u.image), text: withEps(u.text) };
    const logCount = logNegativeCount(globalIds, dtype);
    const state = (start: number, length: number) => ({
      logU: { image: logU.image.narrow(0, start, length), text: logU.text.narrow(0, start, length) },
      logCount: logCount.narrow(0, start, length),
    });
    const grads: number[][] = [];
    const a: Pair = { image: [], text: [] };
    const slopes = { exact: 0, released: 0 };
    for (let rank = 0; rank < ranks; rank++) {
      const leaves = [global.image.clone().requireGrad(), global.text.clone().requireGrad()];
      const rows = (t: Tensor) => t.narrow(0, rank * b, b);
      const negatives = negativesOf(rows(globalIds), globalIds);
      const local = { image: rows(leaves[0]), text: rows(leaves[1]) };
      const localState = state(rank * b, b);
      const all = gathersGradient ? local : global;
      const result = surrogateLoss(
        { local, global: all, negatives, similarity: similarityOf(local, all) },
        { local: localState, global: state(0, batch.ids.length), tau, gathersGradient },
      );
      backward(result.loss.mul(batch.tau));
      grads.push(gradsOf(leaves).flatMap((grad) => grad!.toNumbers()));
      a.image.push(...result.a.image.toNumbers());
      a.text.push(...result.a.text.toNumbers());
      expect(result.a.image.requiresGrad).toBe(false);
      for (const form of ['exact', 'released'] as const)
        slopes[form] +=
          temperatureGradient(localState.logU, result.a, { rho: RHO, form, eps: batch.eps }).item() / ranks;
    }
    const mean = grads[0].map((_, i) => grads.reduce((sum, grad) => sum + grad[i], 0) / ranks);
    return { gradient: mean, a, slopes };
  });
}

const flat = ({ image, text }: { image: Matrix; text: Matrix }) => [...image.flat(), ...text.flat()];
const someU = (seed: number): Pair => {
  const next = uniform(seed);
  return each(() => Array.from({ length: B }, () => 1.2 + next()));
};
const inverse = (u: Pair, eps: number): Pair => each((side) => u[side].map((v) => 1 / (v + eps)));

describe.each([
  ['distinct ids', DISTINCT],
  ['a duplicate', DUPLICATED],
])('with %s', (_, batch) => {
  // @proves logInnerEstimate
  test('g is the loop over pairs', () => {
    const { image, text } = naiveG(batch);
    const [ours, texts] = scope(() => {
      const g = logG(batch);
      return [g.image.exp().toNumbers(), g.text.exp().toNumbers()];
    });
    expect(error(ours, image)).toBeLessThan(1e-12);
    expect(error(texts, text)).toBeLessThan(1e-12);
  });

  // @proves surrogateLoss
  test('the gradient is the estimator of section 1.5, for a u that is not g', () => {
    const u = someU(5);
    const q = inverse(u, batch.eps);
    const { gradient } = estimate(batch, u);
    const expected = flat(naiveGradient(batch, q)).map((v) => v * batch.tau);
    expect(error(gradient, expected)).toBeLessThan(1e-12);
    const n = B * E;
    const numeric = finiteDifferences(
      (x) =>
        batch.tau *
        weightedG({ ...batch, image: reshape(x.slice(0, n), E), text: reshape(x.slice(n), E) }, q),
      flat(batch),
    );
    expect(error(gradient, numeric)).toBeLessThan(1e-7);
  });

  // @proves surrogateLoss, temperatureGradient
  test('a and both temperature gradients are those of section 1.6', () => {
    const u = someU(6);
    const a = naiveA(batch, inverse(u, batch.eps));
    const ours = estimate(batch, u);
    expect(error(ours.a.image, a.image)).toBeLessThan(1e-12);
    expect(error(ours.a.text, a.text)).toBeLessThan(1e-12);
    const meanOf = (pair: Pair, f: (v: number) => number) =>
      [...pair.image, ...pair.text].reduce((sum, v) => sum + f(v), 0) / B;
    const base = (eps: number) => RHO + 0.5 * meanOf(u, (v) => Math.log(v + eps));
    const pull = meanOf(a, (v) => v);
    expect(error([ours.slopes.exact], [base(batch.eps) - 0.5 * pull])).toBeLessThan(1e-12);
    expect(error([ours.slopes.released], [base(0) - pull])).toBeLessThan(1e-12);
  });

  // @proves surrogateLoss, temperatureGradient
  test('with u = g (gamma 1) both gradients are those of 1/2 RGCL-g, by finite differences', () => {
    const { gradient, slopes } = estimate(batch, naiveG(batch));
    const n = B * E;
    const features = finiteDifferences(
      (x) => halfRgcl({ ...batch, image: reshape(x.slice(0, n), E), text: reshape(x.slice(n), E) }),
      flat(batch),
    );
    expect(error(gradient, features)).toBeLessThan(1e-7);
    const [slope] = finiteDifferences(([tau]) => halfRgcl({ ...batch, tau }), [batch.tau], 1e-6);
    expect(error([slopes.exact], [slope])).toBeLessThan(1e-7);
    expect(Math.abs(slopes.released - slope)).toBeGreaterThan(0.01);
  });

  // @proves surrogateLoss
  test.each([2, 3, 6])('the mean over %i ranks is the gradient of one', (ranks) => {
    const u = someU(7);
    const one = estimate(batch, u);
    const many = estimate(batch, u, { ranks });
    expect(error(many.gradient, one.gradient)).toBeLessThan(1e-12);
    expect(error([...many.a.image, ...many.a.text], [...one.a.image, ...one.a.text])).toBeLessThan(1e-12);
    expect(many.slopes.exact).toBeCloseTo(one.slopes.exact, 12);
    expect(many.slopes.released).toBeCloseTo(one.slopes.released, 12);
  });

  test('alone, part a of one product that has gradient on both sides is both parts', () => {
    const u = someU(7);
    const both = estimate(batch, u);
    const one = estimate(batch, u, { gathersGradient: true });
    expect(error(one.gradient, both.gradient)).toBeLessThan(1e-12);
    expect(error([...one.a.image, ...one.a.text], [...both.a.image, ...both.a.text])).toBeLessThan(1e-12);
  });

  // @proves surrogateLoss
  test('permuting the batch permutes the gradient; rotating the space rotates it; swapping the towers swaps it', () => {
    const u = someU(8);
    const { gradient, slopes } = estimate(batch, u);
    const split = (values: number[]) => [reshape(values.slice(0, B * E), E), reshape(values.slice(B * E), E)];
    const [image, text] = split(gradient);

    const order = [4, 2, 0, 5, 1, 3];
    const pick = <T>(values: T[]) => order.map((i) => values[i]);
    const permuted = estimate(
      { ...batch, image: pick(batch.image), text: pick(batch.text), ids: pick(batch.ids) },
      each((side) => pick(u[side])),
    );
    expect(error(permuted.gradient, flat({ image: pick(image), text: pick(text) }))).toBeLessThan(1e-12);
    expect(permuted.slopes.exact).toBeCloseTo(slopes.exact, 12);

    const rotated = estimate({ ...batch, image: rotate(batch.image, 9), text: rotate(batch.text, 9) }, u);
    expect(error(rotated.gradient, flat({ image: rotate(image, 9), text: rotate(text, 9) }))).toBeLessThan(
      1e-12,
    );

    const swapped = estimate(
      { ...batch, image: batch.text, text: batch.image },
      { image: u.text, text: u.image },
    );
    expect(error(swapped.gradient, flat({ image: text, text: image }))).toBeLessThan(1e-12);
  });
});

describe('closed forms', () => {
  // @proves logInnerEstimate
  test('orthonormal pairs: g = exp(-1 / tau)', () => {
    const axes = Array.from({ length: 4 }, (_, i) => Array.from({ length: 4 }, (_, k) => Number(i === k)));
    const batch = { ...DISTINCT, image: axes, text: axes, ids: [0, 1, 2, 3] };
    for (const value of scope(() => logG(batch).image.toNumbers())) expect(value).toBeCloseTo(-1 / TAU, 12);
  });

  test('all features the same: g = 1, no pull on the features, the temperature feels rho alone', () => {
    const same = Array.from({ length: B }, () => DISTINCT.image[0]);
    const batch = { ...DISTINCT, image: same, text: same, eps: 1e-300 };
    const u = naiveG(batch);
    expect(error(u.image, Array(B).fill(1))).toBeLessThan(1e-12);
    const { gradient, slopes } = estimate(batch, u);
    expect(Math.max(...gradient.map(Math.abs))).toBeLessThan(1e-12);
    expect(slopes.exact).toBeCloseTo(RHO, 12);
    expect(slopes.released).toBeCloseTo(RHO, 12);
  });
});

describe('duplicates', () => {
  // @proves negativesOf
  test('negativesOf masks the anchor itself and its duplicates, also on another rank', () => {
    scope(() => {
      expect(negativesOf(int64([7, 3]), int64([7, 3, 7, 1])).toNumbers()).toEqual([0, 1, 0, 1, 1, 0, 1, 1]);
    });
  });

  test('logNegativeCount counts the others, whatever their order', () => {
    scope(() => {
      const counts = logNegativeCount(int64([7, 3, 7, 2 ** 40, 7, -1]), 'float64')
        .exp()
        .toNumbers();
      expect(error(counts, [3, 5, 3, 5, 3, 5])).toBeLessThan(1e-12);
      const ids = int64([7, 3, 7, 2 ** 40, 7, -1]);
      const inMask = logNegativeCountIn(negativesOf(ids, ids), 'float64').exp().toNumbers();
      expect(error(inMask, counts)).toBeLessThan(1e-12);
      expect(logNegativeCountIn(negativesOf(int64([4, 4]), int64([4, 4])), 'float32').toNumbers()).toEqual([
        0, 0,
      ]);
      expect(logNegativeCount(int64([4, 4]), 'float32').toNumbers()).toEqual([0, 0]);
    });
  });

  // @proves negativesOf
  test('what a duplicate looks like does not matter to its twin, only the count does', () => {
    const moved = {
      ...DUPLICATED,
      text: DUPLICATED.text.map((row, i) => (i === 4 ? row.map((v) => -v) : row)),
    };
    scope(() => {
      const [before, after] = [logG(DUPLICATED), logG(moved)].map((g) => g.image.toNumbers());
      expect(after[1]).toBe(before[1]);
      expect(after[0]).not.toBe(before[0]);
    });
  });

  test('an anchor without negatives: log g is -inf, u becomes eps, gradients are finite', () => {
    scope(() => {
      const alone: Case = { ...DISTINCT, ids: [3, 3, 3, 3, 3, 3] };
      const g = logG(alone);
      expect(g.image.toNumbers()).toEqual(Array(B).fill(Number.NEGATIVE_INFINITY));
      const visited = tensor(Array(B).fill(1), [B], { dtype: 'bool' });
      const logU = movingAverage(g.image, g.image, { visited, gamma: 1, eps: EPS });
      for (const value of logU.toNumbers()) expect(value).toBeCloseTo(Math.log(EPS), 12);
      const { gradient } = estimate(
        alone,
        each(() => Array(B).fill(0)),
      );
      expect(gradient).toEqual(Array(2 * B * E).fill(0));
    });
  });
});

describe('at tau = 0.01 in float32', () => {
  // @proves logInnerEstimate
  test('pairs as wrong as they can be: h / tau reaches 200 and nothing overflows', () => {
    const image = unitRows(B, E, 20);
    const text = image.map((_, i) => image[(i + 1) % B]);
    const batch: Case = {
      ...DISTINCT,
      image,
      text: text.map((row) => row.map((v) => -v)),
      tau: 0.01,
      eps: 1e-14,
    };
    const opposite = { ...batch, text: image.map((row) => row.map((v) => -v)) };
    for (const wrong of [batch, opposite]) {
      const g = naiveG(wrong);
      expect(Math.max(...g.image)).toBeGreaterThan(3.5e38); // float32's largest number
      scope(() => {
        expect(error(logG(wrong, 'float32').image.toNumbers(), g.image.map(Math.log))).toBeLessThan(1e-5);
      });
      const exact = estimate(wrong, g);
      const { gradient, slopes } = estimate(wrong, g, { dtype: 'float32' });
      expect(error(gradient, exact.gradient)).toBeLessThan(1e-3); // h / tau carries 2e-5 of rounding into exp
      // The slope is log u - a, each above 100, so its error is relative to them.
      expect(Math.abs(slopes.exact - exact.slopes.exact)).toBeLessThan(1e-4 * Math.log(Math.max(...g.image)));
    }
  });

  // @proves movingAverage
  // @proves temperatureGradient
  test.each(['float32', 'float64'] as const)(
    'released: a u of 0, or one that rounding hides, is no infinity in %s',
    (dtype) => {
      scope(() => {
        const logU = logs([1e-14, 1e-14 + 1e-32, 1e-8, 1], dtype);
        const none = logs([1, 1, 1, 1], dtype);
        const options = { rho: 0, form: 'released', eps: 1e-14 } as const;
        const slope = temperatureGradient({ image: logU, text: logU }, { image: none, text: none }, options);
        const smallest =
          Math.log(1e-14) + Math.log((dtype === 'float64' ? 2 ** -52 : 2 ** -23) * 14 * Math.LN10);
        expect(slope.item()).toBeCloseTo((2 * smallest + Math.log(1e-8)) / 4, 4);
      });
    },
  );

  test('pairs as right as they can be: g underflows, eps keeps the weights at zero', () => {
    const image = unitRows(B, E, 21).map((row, i) => row.map((v) => (i % 2 ? v : -v)));
    const batch: Case = { ...DISTINCT, image, text: image, tau: 0.01, eps: 1e-14 };
    const { gradient, slopes } = estimate(batch, naiveG(batch), { dtype: 'float32' });
    expect(gradient.every(Number.isFinite)).toBe(true);
    expect(Number.isFinite(slopes.exact)).toBe(true);
  });
});

describe('movingAverage', () => {
  const run = (previous: number[], g: number[], { visited = [1, 1, 1], gamma = 0.3, eps = EPS } = {}) =>
    scope(() =>
      movingAverage(
        logs(
          previous.map((u) => u + eps),
          'float64',
        ),
        logs(g, 'float64'),
        {
          visited: tensor(visited, [3], { dtype: 'bool' }),
          gamma,
          eps,
        },
      ).toNumbers(),
    );
  const U = [0.2, 3, 50];
  const G = [1.5, 0.01, 7];

  // @proves movingAverage
  test.each([0.3, 0.8, 1e-6, 1 - 1e-12, 1])('log(eps + (1 - gamma) u + gamma g), gamma = %s', (gamma) => {
    const expected = U.map((u, i) => Math.log(EPS + (1 - gamma) * u + gamma * G[i]));
    expect(error(run(U, G, { gamma }), expected)).toBeLessThan(1e-12);
  });

  // @proves movingAverage
  test('a sample seen for the first time takes g, whatever stands in the table', () => {
    const first = run([0, 1e9, 5], G, { visited: [0, 0, 1] });
    expect(
      error(
        first.slice(0, 2),
        G.slice(0, 2).map((g) => Math.log(EPS + g)),
      ),
    ).toBeLessThan(1e-12);
    expect(first[2]).toBeCloseTo(Math.log(EPS + 0.7 * 5 + 0.3 * 7), 12);
  });

  // @proves movingAverage
  test('a g of zero leaves eps; a table that was never written does no harm', () => {
    const [zero, first] = run([0, 0, 1], [0, 0, 1], { visited: [1, 0, 1] });
    expect(zero).toBeCloseTo(Math.log(EPS), 12);
    expect(first).toBeCloseTo(Math.log(EPS), 12);
  });

  // @proves movingAverage
  test('numbers far beyond what exp can hold', () => {
    scope(() => {
      const float64 = (values: number[]) => tensor(Float64Array.from(values));
      const visited = tensor([1, 1], [2], { dtype: 'bool' });
      const options = { visited, gamma: 0.25, eps: 1e-14 };
      const [up, down] = movingAverage(float64([900, 900]), float64([1000, -1000]), options).toNumbers();
      expect(up).toBeCloseTo(1000 + Math.log(0.25), 9);
      expect(down).toBeCloseTo(900 + Math.log(0.75), 9);
    });
  });

  // @proves movingAverage
  test('many steps of float32 follow the plain average', () => {
    const next = uniform(30);
    let u = 2;
    scope(() => {
      let ours = tensor([Math.log(u + 1e-14)], [1]);
      const visited = tensor([1], [1], { dtype: 'bool' });
      for (let step = 0; step < 200; step++) {
        const g = Math.exp(2 * next());
        u = 0.9 * u + 0.1 * g;
        ours = movingAverage(ours, tensor([Math.log(g)], [1]), { visited, gamma: 0.1, eps: 1e-14 });
      }
      expect(error([Math.exp(ours.item())], [u])).toBeLessThan(1e-5);
    });
  });
});

// Temperature gradients of v0 and v2 (FastCLIP 1.6) against finite differences of their losses at gamma = 1.
import { expect, test } from 'vitest';
import {
  dot,
  error,
  finiteDifferences,
  int64,
  matrix,
  scalar,
  unitRows,
} from '../../tests/contract/numbers.ts';
import { scope, tensor } from '../torch/index.ts';
import {
  individualTemperatureGradient,
  logInnerEstimate,
  logNegativeCount,
  movingAverage,
  negativesOf,
  type PerAnchor,
  plainTemperatureGradient,
  similarityOf,
  surrogateLoss,
} from './global-contrastive.ts';

const B = 5;
const IMAGE = unitRows(B, 4, 21);
const TEXT = unitRows(B, 4, 22);
const EPS = 1e-3;
const RHO = 0.4;
const TAUS = { image: [0.5, 0.6, 0.7, 0.8, 0.9], text: [0.9, 0.55, 0.65, 0.75, 0.85] };

/** log(eps + g_i) at one anchor's temperature. */
function logG(side: 'image' | 'text', i: number, tau: number): number {
  const h = (j: number) =>
    (side === 'image' ? dot(IMAGE[i], TEXT[j]) : dot(IMAGE[j], TEXT[i])) - dot(IMAGE[i], TEXT[i]);
  let sum = 0;
  for (let j = 0; j < B; j++) if (j !== i) sum += Math.exp(h(j) / tau);
  return Math.log(EPS + sum / (B - 1));
}

/** log(eps + u) and `a` of each anchor where u = g. */
function quantities(taus: { image: number[]; text: number[] }) {
  const [image, text] = [matrix(IMAGE), matrix(TEXT)];
  const similarity = image.matmul(text.t);
  const ids = int64([0, 1, 2, 3, 4]);
  const negatives = negativesOf(ids, ids);
  const logCount = logNegativeCount(ids, 'float64');
  const tau: PerAnchor = {
    image: tensor(taus.image, undefined, { dtype: 'float64' }),
    text: tensor(taus.text, undefined, { dtype: 'float64' }),
  };
  const logU = (s: typeof similarity, anchorTau: PerAnchor['image']) =>
    movingAverage(
      anchorTau,
      logInnerEstimate(s.sub(similarity.diagonal().unsqueeze(1)), { negatives, logCount, tau: anchorTau }),
      {
        visited: anchorTau.gt(9),
        gamma: 1,
        eps: EPS,
      },
    );
  const state = {
    logU: { image: logU(similarity, tau.image), text: logU(similarity.t, tau.text) },
    logCount,
    tau,
  };
  const features = { image, text };
  const { a } = surrogateLoss(
    { local: features, global: features, negatives, similarity: similarityOf(features, features) },
    { local: state, global: state, tau: scalar(1) },
  );
  return { logU: state.logU, a };
}

// @proves individualTemperatureGradient, surrogateLoss
test("v2: each anchor's gradient is that of tau_i (log(eps + g_i(tau_i)) + rho), kept within 5", () => {
  scope(() => {
    const { logU, a } = quantities(TAUS);
    const gradient = individualTemperatureGradient(logU, a, RHO);
    for (const side of ['image', 'text'] as const) {
      const expected = TAUS[side].map(
        (start, i) => finiteDifferences(([tau]) => tau * (logG(side, i, tau) + RHO), [start])[0],
      );
      expect(error(gradient[side].toNumbers(), expected)).toBeLessThan(1e-8);
    }
    expect(individualTemperatureGradient(logU, a, 100).image.toNumbers()).toEqual([5, 5, 5, 5, 5]);
    expect(individualTemperatureGradient(logU, a, -100).text.toNumbers()).toEqual([-5, -5, -5, -5, -5]);
  });
});

// @proves plainTemperatureGradient
test('v0: the gradient of 1/2 mean(log(eps + g1) + log(eps + g2)), and twice that as released', () => {
  const loss = ([tau]: number[]) => {
    let sum = 0;
    for (let i = 0; i < B; i++) sum += logG('image', i, tau) + logG('text', i, tau);
    return sum / (2 * B);
  };
  scope(() => {
    const tau = 0.6;
    const { a } = quantities({ image: Array(B).fill(tau), text: Array(B).fill(tau) });
    const [expected] = finiteDifferences(loss, [tau]);
    const gradient = (form: 'exact' | 'released') =>
      plainTemperatureGradient(a, { tau: scalar(tau), form }).item();
    expect(error([gradient('exact')], [expected])).toBeLessThan(1e-8);
    expect(gradient('released')).toBeCloseTo(2 * gradient('exact'), 12);
  });
});

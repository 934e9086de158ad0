// One step of every version against loops over pairs (FastCLIP 1.4 to 1.6).
import { describe, expect, test } from 'vitest';
import { clock, DATASET, makeMethod } from '../../../tests/contract/method-fixture.ts';
import {
  error,
  finiteDifferences,
  int64,
  matrix,
  reshape,
  uniform,
  unitRows,
} from '../../../tests/contract/numbers.ts';
import {
  type Case,
  each,
  naiveA,
  naiveG,
  naiveGradient,
  type Pair,
  tauOf,
  weightedG,
} from '../../../tests/contract/pairs.ts';
import { backward, gradsOf, scope, type Tensor, tensor } from '../../torch/index.ts';

const B = 7;
const E = 5;
const EPS = 1e-3;
const RHO = 0.8;
const INIT = 0.5;
const BETA1 = 0.9; // of the fixture's optimizer
const IDS = [3, 11, 0, 19, 11, 7, 5]; // one sample twice
const mean = (values: number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;

/** FastCLIP 1.3. */
const VERSIONS = {
  sogclr: { rule: 'constant', timesTau: false },
  isogclr: { rule: 'individual', timesTau: false },
  v0: { rule: 'global', timesTau: false },
  v1: { rule: 'constant', timesTau: false },
  v2: { rule: 'individual', timesTau: false },
  v3: { rule: 'global', timesTau: true },
} as const;
type Version = keyof typeof VERSIONS;

/** gamma by epoch. */
const EPOCHS = { 0: 1, 12: 0.3 } as const;
type Epoch = keyof typeof EPOCHS;

/** A table in which every other sample was visited. */
function someTable(version: Version) {
  const next = uniform(40);
  const column = (f: () => number) => Float32Array.from({ length: DATASET }, f);
  const u = () => column(() => Math.log(EPS + 1.5 + next()));
  const tau = (id: number) => (id % 2 ? 0.4 + 0.1 * next() : INIT);
  const temperature = () => [
    Float32Array.from({ length: DATASET }, (_, id) => tau(id)),
    column(() => 0),
    column(() => 0),
  ];
  const columns = [
    u(),
    u(),
    ...(VERSIONS[version].rule === 'individual' ? [...temperature(), ...temperature()] : []),
  ];
  return { columns, visited: Uint8Array.from({ length: DATASET }, (_, id) => id % 2) };
}

function step(
  version: Version,
  { epoch, gradient, timesTau }: { epoch: Epoch; gradient?: 'released'; timesTau?: boolean },
) {
  const table = someTable(version);
  const [image, text] = [unitRows(B, E, 51), unitRows(B, E, 52)];
  const method = makeMethod('fastclip', {
    options: {
      version,
      rho: RHO,
      eps: EPS,
      timesTau,
      gamma: { min: EPOCHS[12] },
      temperature: { init: INIT, gradient },
    },
  });
  const result = scope(() => {
    method.tables!.get('samples')!.scatter({
      rows: tensor(Float32Array.from(table.columns.flatMap((column) => [...column])), [
        table.columns.length,
        DATASET,
      ]),
      visited: tensor(table.visited, [DATASET]).to('bool'),
    });
    const leaves = [matrix(image).requireGrad(), matrix(text).requireGrad()];
    const context = { ...clock(5), epoch };
    const { loss, next, metrics } = method.loss({ image: leaves[0], text: leaves[1] }, int64(IDS), context);
    backward(loss);
    const { rows, temperatureGradient } = next as { rows: Tensor; temperatureGradient?: Tensor };
    return {
      gradient: gradsOf(leaves).flatMap((grad) => grad!.toNumbers()),
      rows: reshape(rows.toNumbers(), B),
      slope: temperatureGradient?.item(),
      tau: metrics().temperature.item(),
    };
  });
  method.dispose();
  const valuesOf = (column: number) => IDS.map((id) => table.columns[column][id]);
  const individual = VERSIONS[version].rule === 'individual';
  const batch: Case = {
    image,
    text,
    ids: IDS,
    tau: individual ? { image: valuesOf(2), text: valuesOf(5) } : result.tau,
    eps: EPS,
  };
  const before: Pair = { image: valuesOf(0), text: valuesOf(1) };
  const visited = IDS.map((id) => table.visited[id] === 1);
  return { ...result, batch, before, visited, u: { image: result.rows[0], text: result.rows[1] } as Pair };
}

/** 1 / (u + eps) from log(eps + u). */
const inverse = (logU: Pair): Pair => each((side) => logU[side].map((v) => Math.exp(-v)));

const flat = ({ image, text }: { image: number[][]; text: number[][] }) => [...image.flat(), ...text.flat()];

describe.each(Object.keys(VERSIONS) as Version[])('%s', (version) => {
  const { rule, timesTau } = VERSIONS[version];

  // @proves fastClipParts, movingAverage
  test.each([0, 12] as const)('epoch %i: u moves as section 1.4 says', (epoch) => {
    const { batch, before, visited, u } = step(version, { epoch });
    const gamma = EPOCHS[epoch];
    const g = naiveG(batch);
    for (const side of ['image', 'text'] as const) {
      const expected = g[side].map((now, i) => {
        const was = Math.exp(before[side][i]) - EPS;
        return Math.log(EPS + (visited[i] ? (1 - gamma) * was + gamma * now : now));
      });
      expect(error(u[side], expected)).toBeLessThan(epoch === 0 ? 1e-12 : 1e-6); // the table is float32
    }
  });

  // @proves fastClipParts, surrogateLoss
  test.each([0, 12] as const)('epoch %i: the w-gradient is that of section 1.5', (epoch) => {
    const { batch, gradient, u } = step(version, { epoch });
    const q = inverse(u);
    const weights = timesTau ? each((side) => q[side].map((v, i) => v * tauOf(batch, side, i))) : q;
    expect(error(gradient, flat(naiveGradient(batch, weights)))).toBeLessThan(1e-10);
    const numeric = finiteDifferences(
      (x) =>
        weightedG(
          { ...batch, image: reshape(x.slice(0, B * E), E), text: reshape(x.slice(B * E), E) },
          weights,
        ),
      flat(batch),
    );
    expect(error(gradient, numeric)).toBeLessThan(1e-7);
  });

  // @proves fastClipParts, individualTemperatureGradient, plainTemperatureGradient
  test.each([0, 12] as const)('epoch %i: the tau-gradient is that of section 1.6', (epoch) => {
    const { batch, slope, u, rows } = step(version, { epoch });
    const a = naiveA(batch, inverse(u));
    const pull = mean(a.image) + mean(a.text);
    const push = (logs: typeof u) => RHO + 0.5 * (mean(logs.image) + mean(logs.text));
    const withoutEps = (side: number[]) => side.map((log) => Math.log(Math.exp(log) - EPS));
    if (rule === 'individual') {
      // The first moment is (1 - beta1) G, with beta1 = 0 in epoch 0.
      for (const [side, column] of [
        ['image', 3],
        ['text', 6],
      ] as const) {
        const expected = u[side].map((log, i) => Math.min(5, Math.max(-5, log + RHO - a[side][i])));
        const actual = rows[column].map((v) => v / (epoch === 0 ? 1 : 1 - BETA1));
        expect(error(actual, expected)).toBeLessThan(1e-10);
      }
      return;
    }
    if (rule === 'constant') return expect(slope).toBeUndefined();
    const released = step(version, { epoch, gradient: 'released' }).slope;
    const expected = (logs: typeof u, share: number) =>
      version === 'v3' ? push(logs) - share * pull : (-share * pull) / (batch.tau as number);
    const plain = { image: withoutEps(u.image), text: withoutEps(u.text) };
    expect(error([slope!], [expected(u, 0.5)])).toBeLessThan(1e-10);
    expect(error([released!], [expected(plain, 1)])).toBeLessThan(1e-10);
  });
});

// @proves surrogateLoss
test("v2 with each anchor's tau as its weight, which RGCL has and the released code leaves out", () => {
  const { batch, gradient, u } = step('v2', { epoch: 12, timesTau: true });
  const q = inverse(u);
  const weights = each((side) => q[side].map((v, i) => v * tauOf(batch, side, i)));
  expect(error(gradient, flat(naiveGradient(batch, weights)))).toBeLessThan(1e-10);
  expect(error(gradient, flat(naiveGradient(batch, q)))).toBeGreaterThan(0.1);
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Candidate } from '../compress/index.ts';
import { type AdamState, adamScale } from '../gradient-error/adam-scale.ts';
import type { Batch, Method } from '../methods/index.ts';
import { nothingToAverage } from '../ranks/index.ts';
import { stepContextAt } from '../time/clock.ts';
import { memoryStats, scope, type Tensor, tensor } from '../torch/index.ts';
import { type Measured, measureSnapshot } from './measure.ts';
import type { Samples } from './samples.ts';

/** l(x; w) = w c x, averaged, with c = 1 - d: its gradient is the mean of c x. */
let w: Tensor;
beforeAll(() => {
  w = tensor([1, 1]).persist().requireGrad();
});
afterAll(() => w.dispose());

function method(scale: (dropped: number) => number): Method {
  return {
    params: new Map([['backbone.w', w]]),
    features: ({ views }: Batch, { compression }: { compression: Candidate }) => ({
      x: views[0].mul(scale(compression.tokenDropout)),
    }),
    loss: ({ x }: { x: Tensor }) => ({ loss: x.matmul(w.view(2, 1)).mean() }),
  } as unknown as Method;
}

/** Eight sub-batches of two rows. */
const samples = {
  pass: async (body: (batch: Batch, index: number) => void) => {
    for (let j = 0; j < 8; j++)
      scope(() =>
        body({ views: [tensor([1, 2 + j, 3, 2 - j], [2, 2])], ids: tensor([0, 1]) } as unknown as Batch, j),
      );
    return true;
  },
} as unknown as Samples;

const candidate = (tokenDropout: number): Candidate => ({
  tokenDropout,
  patchSize: 8,
  cost: 1,
  sequenceLength: 2,
});

function measured(scale: (dropped: number) => number, dropouts: number[], adam?: AdamState) {
  const settings = {
    shares: [0],
    grid: [0, ...dropouts].map(candidate),
    samples: 16,
    subBatch: 2,
    folds: 4,
    batchForwards: 2,
    seed: 0,
    adam: adam !== undefined,
  };
  const clock = stepContextAt(0, { totalSteps: 1, globalBatchSize: 2, datasetSize: 2 });
  const context = {
    training: {
      method: method(scale),
      config: { batch: { gradAccumSteps: 1 } } as never,
      averager: nothingToAverage,
    },
    device: 'cpu',
    settings,
    clock,
    moment: '50 % of the run (step 5)',
  };
  const more = { samples, others: samples, onBatch: () => {}, ...(adam && { adam }) };
  return measureSnapshot({ ...context, ...more }, () => true);
}

async function all(snapshot: AsyncGenerator<Measured>): Promise<Measured[]> {
  const found = [];
  for await (const each of snapshot) found.push(each);
  return found;
}

describe('a snapshot', () => {
  it('gives the whole sequence, the control, then each candidate against the whole', async () => {
    const found = await all(measured((d) => 1 - d, [0.5]));
    expect(found.map(({ kind, candidate: { tokenDropout } }) => [kind, tokenDropout])).toEqual([
      ['candidate', 0],
      ['control', 0],
      ['candidate', 0.5],
    ]);
    // Each sub-batch has the mean (2, 2): halved, it is (1, 1) away.
    const { own, difference, squares } = found[2].moments.all;
    expect(own.flat()).toEqual(Array(16).fill(2));
    expect(difference.flat()).toEqual(Array(16).fill(2));
    for (const square of squares) expect(square).toBeCloseTo(4, 12);
  });

  it('memory does not grow with the candidates', async () => {
    const peaks = [];
    for (const count of [1, 6]) {
      let peak = 0;
      const before = memoryStats();
      for await (const _ of measured(
        (d) => 1 - d,
        Array.from({ length: count }, (_, i) => 0.1 * (i + 1)),
      ))
        peak = Math.max(peak, memoryStats().cpuBytes - before.cpuBytes);
      peaks.push(peak);
      expect(memoryStats()).toEqual(before);
    }
    expect(peaks[1]).toBe(peaks[0]);
  });

  it.each([
    [
      'is not finite',
      (d: number) => (d > 0 ? Number.NaN : 1),
      /50 % of the run \(step 5\): the gradient of the model with tokenDropout 0\.5 and patchSize 8 is not finite\./,
    ],
    [
      'is zero',
      () => 0,
      /the gradient of the model with tokenDropout 0 and patchSize 8 is zero, and errors are in units of it/,
    ],
  ])('a gradient that %s is refused', async (_, scale, sentence) => {
    await expect(all(measured(scale, [0.5]))).rejects.toThrow(sentence);
  });
});

describe("in the scale of Adam's steps", () => {
  // @proves adamScale
  it("takes the optimizer's second moment", async () => {
    const state: AdamState = { eps: 0, secondMoment: () => tensor([4, 16]) };
    const found = await all(measured((d) => 1 - d, [0.5], state));
    // (2, 2) becomes (1, 1/2); without tokens it is half of that away.
    expect(found[0].moments.adam.own[0][1]).toBeCloseTo(1.25, 6);
    expect(found[2].moments.adam.difference[0][1]).toBeCloseTo(1.25 / 4, 6);
    expect(found[2].moments.all.difference[0][1]).toBe(2);
  });

  // @proves adamScale
  it('where there is none, that of the gradients themselves: every coordinate has the length one', async () => {
    const { liveTensors } = memoryStats();
    const found = await all(measured((d) => 1 - d, [], { eps: 0, secondMoment: () => undefined }));
    expect(found[0].moments.adam.own[0][1]).toBeCloseTo(2, 6);
    expect(memoryStats().liveTensors).toBe(liveTensors);
  });

  // @proves adamScale
  it('what never moved has no weight', () => {
    expect(scope(() => adamScale(tensor([0, 4]), { eps: 1e-8 }).toNumbers())).toEqual([0, 0.5]);
  });
});

import { expect, test } from 'vitest';
import { clipLoss } from '../../src/losses/clip.ts';
import {
  logInnerEstimate,
  logNegativeCount,
  movingAverage,
  negativesOf,
  similarityOf,
  surrogateLoss,
  temperatureGradient,
} from '../../src/losses/global-contrastive.ts';
import { backward, type DType, gradsOf, scope, type Tensor, tensor, zeros } from '../../src/torch/index.ts';
import * as ops from '../../src/torch/ops.ts';
import { error, type Precision, readJson, TOLERANCE } from './golden.ts';

type Matrix = number[][];

interface FastClipRun {
  workers: number;
  eps: number;
  rho: number;
  tau: number;
  dataSize: number;
  steps: {
    ids: number[];
    gamma: number;
    image: Matrix;
    text: Matrix;
    gradImage: Matrix;
    gradText: Matrix;
    gradTheta: number;
    uImage: number[];
    uText: number[];
  }[];
}

const golden = readJson<{
  clip: {
    image: Matrix;
    text: Matrix;
    scale: number;
    loss: number;
    gradImage: Matrix;
    gradText: Matrix;
    gradScale: number;
  };
  fastclip: FastClipRun[];
}>('losses.golden.json');

const matrix = (rows: Matrix, dtype: DType) =>
  tensor(Float64Array.from(rows.flat()), [rows.length, rows[0].length], { dtype });

// @proves clipLoss
test.each<Precision>(['float64', 'float32'])("open_clip's ClipLoss in %s", (dtype) => {
  const { image, text, scale, ...expected } = golden.clip;
  scope(() => {
    const leaves = [matrix(image, dtype), matrix(text, dtype), tensor([scale], [], { dtype })];
    for (const leaf of leaves) leaf.requireGrad();
    const loss = clipLoss(leaves[0], leaves[1], { logitScale: leaves[2] });
    backward(loss);
    const [gradImage, gradText, gradScale] = gradsOf(leaves).map((grad) => grad!.toNumbers());
    const tolerance = TOLERANCE[dtype];
    expect(error(loss.toNumbers(), [expected.loss])).toBeLessThan(tolerance);
    expect(error(gradImage, expected.gradImage.flat())).toBeLessThan(tolerance);
    expect(error(gradText, expected.gradText.flat())).toBeLessThan(tolerance);
    expect(error(gradScale, [expected.gradScale])).toBeLessThan(tolerance);
  });
});

// Their first visit is u < 1e-35; with these numbers that does not show.
test.each(
  golden.fastclip.flatMap((run) => [
    { dtype: 'float64' as const, ...run },
    { dtype: 'float32' as const, ...run },
  ]),
  // @proves surrogateLoss, temperatureGradient
)('FastCLIP-v3 as released, $workers workers, eps $eps, in $dtype', ({ dtype, eps, rho, steps, ...run }) => {
  const tolerance = TOLERANCE[dtype];
  scope(() => {
    const table = {
      image: zeros([run.dataSize], { dtype }),
      text: zeros([run.dataSize], { dtype }),
      visited: zeros([run.dataSize], { dtype: 'bool' }),
    };
    const tau = tensor([run.tau], [], { dtype });
    for (const step of steps) {
      const local = {
        image: matrix(step.image, dtype).requireGrad(),
        text: matrix(step.text, dtype).requireGrad(),
      };
      const global = { image: local.image.detach(), text: local.text.detach() };
      const ids = tensor(BigInt64Array.from(step.ids, BigInt));
      const negatives = negativesOf(ids, ids);
      const logCount = logNegativeCount(ids, dtype);
      const similarity = similarityOf(local, global);
      const options = { visited: table.visited.indexSelect(0, ids), gamma: step.gamma, eps };
      const updated = (side: 'image' | 'text', s: Tensor) =>
        movingAverage(
          table[side].indexSelect(0, ids),
          logInnerEstimate(s.sub(similarity.positive.unsqueeze(1)).detach(), { negatives, logCount, tau }),
          options,
        );
      const logU = { image: updated('image', similarity.image), text: updated('text', similarity.text) };
      const u = (side: Tensor) => side.exp().sub(eps).toNumbers();
      expect(error(u(logU.image), step.uImage)).toBeLessThan(tolerance);
      expect(error(u(logU.text), step.uText)).toBeLessThan(tolerance);

      const anchors = { logU, logCount };
      const { loss, a } = surrogateLoss(
        { local, global, negatives, similarity },
        { local: anchors, global: anchors, tau },
      );
      backward(loss.mul(tau));
      const [gradImage, gradText] = gradsOf([local.image, local.text]).map((grad) => grad!.toNumbers());
      expect(error(gradImage, step.gradImage.flat())).toBeLessThan(tolerance);
      expect(error(gradText, step.gradText.flat())).toBeLessThan(tolerance);

      const slope = temperatureGradient(logU, a, { rho, form: 'released', eps }).item();
      expect(Math.abs(-run.tau * slope - step.gradTheta)).toBeLessThan(
        (dtype === 'float64' ? 1e-12 : tolerance) * Math.abs(rho * run.tau),
      );
      ops.index_copy_(table.image, 0, ids, logU.image);
      ops.index_copy_(table.text, 0, ids, logU.text);
      ops.index_fill__int_Scalar(table.visited, 0, ids, 1);
    }
  });
});

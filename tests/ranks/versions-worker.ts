// One rank of versions.test.ts: every version of FastCLIP and both reductions, against the whole batch on one rank.
import { alone, openRanks, type Ranks } from '../../src/ranks/index.ts';
import { backward, clearGrads, gradsOf, scope, type Tensor, tensor } from '../../src/torch/index.ts';
import { clock, DATASET, makeMethod } from '../contract/method-fixture.ts';
import { int64, uniform } from '../contract/numbers.ts';
import { LONGER_THAN_A_TEST } from './harness.ts';

const BATCH = 8;
const WIDTH = 6;
const VERSIONS = ['sogclr', 'isogclr', 'v0', 'v1', 'v2', 'v3'] as const;
type DType = 'float32' | 'float64';

/** Unit rows that depend on the step and the side alone. */
function features(seed: number, dtype: DType): Tensor {
  const next = uniform(seed);
  const rows = Array.from({ length: BATCH }, () => {
    const row = Array.from({ length: WIDTH }, () => next());
    const norm = Math.hypot(...row);
    return row.map((value) => value / norm);
  });
  return tensor(rows.flat(), [BATCH, WIDTH], { dtype });
}

/** Loss, gradients by the features and what is kept after each of some steps; averaged over ranks where ranks have shares. */
function run(
  options: Record<string, unknown>,
  { ranks, dtype, steps }: { ranks: Ranks; dtype: DType; steps: number },
): number[] {
  const method = makeMethod('fastclip', { options, ranks });
  const mine = BATCH / ranks.worldSize;
  const out: number[] = [];
  for (let step = 0; step < steps; step++) {
    scope(() => {
      const own = (whole: Tensor) =>
        whole
          .narrow(0, ranks.rank * mine, mine)
          .clone()
          .requireGrad();
      const image = own(features(100 + step, dtype));
      const text = own(features(200 + step, dtype));
      // Epoch 0 has gamma 1; the later steps average.
      const at = { ...clock(step), epoch: step, lr: 1e-3 };
      const ids = int64(Array.from({ length: BATCH }, (_, i) => (step * 5 + i) % DATASET)).narrow(
        0,
        ranks.rank * mine,
        mine,
      );
      const { loss, metrics, next } = method.loss({ image, text }, ids, at);
      backward(loss);
      for (const grad of gradsOf([image, text]))
        out.push(...ranks.allGather(grad!.div(ranks.worldSize), 'test').toNumbers());
      clearGrads([image, text]);
      out.push(ranks.allReduceMean(metrics().loss.to(dtype), 'test').item());
      const { temperatureGradient } = next as { temperatureGradient?: Tensor };
      if (temperatureGradient) out.push(temperatureGradient.item());
      method.commit(next, at);
      out.push(
        ...method.tables!.get('samples')!.gather().rows.toNumbers(),
        method.model.get('logit_scale')!.item(),
      );
    });
  }
  method.dispose();
  return out;
}

const ranks = openRanks({ device: 'cpu', timeoutMs: 1000 * Number(LONGER_THAN_A_TEST) });
const worst: Record<string, number> = {};
for (const version of VERSIONS) {
  for (const reduction of ['fastclip', 'openclip']) {
    for (const [dtype, steps] of [
      ['float64', 1],
      ['float32', 3],
    ] as const) {
      const options = { version, reduction, rho: 2 };
      const together = run(options, { ranks, dtype, steps });
      const whole = run({ ...options, reduction: 'fastclip' }, { ranks: alone, dtype, steps });
      const scale = Math.max(...whole.map(Math.abs));
      const error =
        whole.length === together.length
          ? Math.max(...whole.map((value, i) => Math.abs(value - together[i]))) / scale
          : Infinity;
      worst[`${version} ${reduction} ${dtype}`] = error;
    }
  }
}
const traffic = ranks.bytes();
ranks.close();
process.stdout.write(`${JSON.stringify({ worst, traffic })}\n`);

// Collapse metrics over 100 steps on waves of colour, with and without DINO's stop-gradient.
import { expect, test } from 'vitest';
import { uniform } from '../../tests/contract/numbers.ts';
import { smallOptions } from '../../tests/contract/small-options.ts';
import { dinoLoss, teacherDistribution } from '../losses/dino.ts';
import { DINO_VIT } from '../models/vit.ts';
import { BatchStatistics } from '../nn/batch-norm.ts';
import { DinoHead } from '../nn/heads.ts';
import { Init } from '../nn/init.ts';
import type { NamedParams } from '../nn/module.ts';
import { AdamW, clipEachGradNorm, decayGroups } from '../optim/index.ts';
import { alone } from '../ranks/index.ts';
import { cosine, withWarmup } from '../time/schedules.ts';
import { backward, clearGrads, noGrad, scope, type Tensor, tensor, zeros } from '../torch/index.ts';
import { type Batch, findMethod, type MethodContext, methods } from './index.ts';
import { learnedParameters, Net } from './shared/backbone.ts';
import { featureStatistics } from './shared/feature-statistics.ts';
import { ViewEncoder } from './shared/view-encoder.ts';

const [SIDE, BATCH, PICTURES, STEPS] = [32, 24, 256, 100];
const PEAK_LR = 1e-3;
const ADAM = { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
const MODEL = {
  image: {
    imageSize: SIDE,
    patchSize: 8,
    width: 48,
    layers: 2,
    heads: 3,
    mlpRatio: 4,
    pool: 'class',
    positionEmbedding: 'learned',
  },
} as const;
const HEAD = { hidden: 64, embedDim: 32, outputs: 256 };

/** A crop, drawn by `seed`, of the picture `id` of three waves. */
function wave(id: number, seed: number): Uint8Array {
  const [drawPicture, drawView] = [uniform(id + 1), uniform(seed)];
  const waves = Array.from({ length: 3 }, () => Array.from({ length: 6 }, () => 3 * drawPicture()));
  const [left, top, zoom, gain] = [drawView(), drawView(), 0.75 + 0.25 * drawView(), 1 + 0.4 * drawView()];
  return Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, index) => {
    const pixel = Math.floor(index / 3);
    const x = left + (zoom * (pixel % SIDE)) / SIDE;
    const y = top + (zoom * Math.floor(pixel / SIDE)) / SIDE;
    const sum = waves.reduce(
      (s, w) => s + w[3 + (index % 3)] * Math.sin(6 * (w[0] * x + w[1] * y) + w[2]),
      0,
    );
    return Math.min(255, Math.max(0, gain * (128 + 20 * sum)));
  });
}

function batchOf(step: number): Batch {
  const draw = uniform(step + 1);
  const ids = Array.from({ length: BATCH }, () => Math.floor((PICTURES * (draw() + 1)) / 2));
  const view = (v: number) => {
    const bytes = ids.flatMap((id, i) => [...wave(id, 1e6 * (v + 1) + 1e3 * step + i)]);
    return tensor(Uint8Array.from(bytes), [BATCH, SIDE, SIDE, 3]);
  };
  return {
    views: [view(0), view(1)],
    tokens: zeros([BATCH, 0], { dtype: 'int32' }),
    ids: tensor(BigInt64Array.from(ids, BigInt)),
    rows: { first: 0, total: BATCH },
  };
}

const rate = withWarmup(cosine(PEAK_LR, 0), { peak: PEAK_LR, warmup: 0.1, tick: 1 / STEPS });
const clockOf = (step: number) => ({
  step,
  totalSteps: STEPS,
  progress: step / STEPS,
  samplesSeen: step * BATCH,
  epoch: (step * BATCH) / PICTURES,
  totalEpochs: (STEPS * BATCH) / PICTURES,
  lr: rate(step / STEPS),
});
const context = {
  model: MODEL,
  datasetSize: PICTURES,
  seed: 1,
  device: 'cpu',
  precision: 'float32' as const,
  pixels: { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
  optimizer: { peakLr: PEAK_LR, ...ADAM },
  ranks: alone,
};

interface Run {
  params: NamedParams;
  decays?(name: string, tensor: Tensor): boolean;
  frozen?(clock: ReturnType<typeof clockOf>): ReadonlySet<string>;
  /** `update` is the optimizer's part. */
  step(batch: Batch, step: number, update: (loss: Tensor) => void): Record<string, Tensor>;
}

function metricsOf(run: Run): Record<string, number>[] {
  const optimizer = new AdamW(decayGroups(run.params, 0.04, { rule: run.decays }), ADAM);
  const rows = Array.from({ length: STEPS }, (_, step) =>
    scope(() => {
      const clock = clockOf(step);
      const metrics = run.step(batchOf(step), step, (loss) => {
        backward(loss);
        clearGrads([...(run.frozen?.(clock) ?? [])].map((name) => run.params.get(name)!));
        clipEachGradNorm([...run.params.values()], 3);
        optimizer.step({ lr: clock.lr });
      });
      return Object.fromEntries(Object.entries(metrics).map(([key, value]) => [key, value.item()]));
    }),
  );
  optimizer.dispose();
  return rows;
}

function publishedMethod(name: string, options: object) {
  const definition = findMethod(name);
  const method = definition.create({
    ...context,
    options: definition.options.parse({ name, ...options }),
  } as unknown as MethodContext<never>);
  const run: Run = {
    params: method.params,
    ...(method.decays && { decays: method.decays }),
    ...(method.frozen && { frozen: method.frozen as Run['frozen'] }),
    step(batch, step, update) {
      const statistics = new BatchStatistics();
      const { loss, metrics, next } = statistics.during(() =>
        method.loss(method.features(batch, clockOf(step)), batch.ids, clockOf(step)),
      );
      const values = noGrad(metrics);
      update(loss);
      method.commit(next, clockOf(step));
      statistics.commit();
      return values;
    },
  };
  return { run, dispose: () => method.dispose() };
}

/** DINO with the student itself as target, and no centre. */
function withoutStopGradient() {
  const net = new Net(new Init({ seed: 1 }), MODEL.image, {
    style: DINO_VIT,
    headPrefix: 'head.',
    makeHead: (init, width) => new DinoHead(init, { width, ...HEAD, normLastLayer: true }),
  });
  const encoder = new ViewEncoder(context);
  const run: Run = {
    params: learnedParameters(net),
    step(batch, step, update) {
      const pass = {
        features: 'views',
        trained: true,
        views: [0, 1],
        dropTokens: false,
        scalePatches: false,
      };
      const features = encoder.features(net.backbone, batch, { pass, context: clockOf(step) });
      const outputs = net.head.forward(features.transpose(0, 1));
      const target = { center: zeros([HEAD.outputs]), teacherTemperature: 0.04 };
      const loss = dinoLoss(outputs, outputs, { ...target, studentTemperature: 0.1 });
      update(loss);
      const projections = outputs.select(0, 0).detach();
      const targets = teacherDistribution(projections, target);
      return { loss: loss.detach(), ...featureStatistics(features.select(1, 0), { projections, targets }) };
    },
  };
  const dispose = () => {
    net.dispose();
    encoder.dispose();
  };
  return { run, dispose };
}

const flaggedFrom = (rows: Record<string, number>[]) =>
  rows.length - [...rows].reverse().findIndex(({ collapsed }) => collapsed === 0);

test('without a stop-gradient in the target DINO is flagged within 200 steps, and stays so, while its loss looks fine', () => {
  const { run, dispose } = withoutStopGradient();
  const rows = metricsOf(run);
  if (process.env.COUPLET_SHOW_ERRORS) show('no stop-gradient', rows);
  expect(rows[0].collapsed).toBe(0);
  expect(rows[0].projection_std).toBeGreaterThan(0.1);
  expect(flaggedFrom(rows)).toBeLessThan(STEPS / 2);
  expect(rows.at(-1)!.loss).toBeLessThan(0.02 * rows[0].loss);
  dispose();
});

const SIZES = {
  projector: { embedDim: 128 },
  heads: { hidden: 128, embedDim: 32 },
  head: HEAD,
  localCrops: { count: 0 },
};
const pictureMethods = Object.keys(methods).filter((name) => !findMethod(name).needs.tokens);

test.each(pictureMethods)('%s as it is meant is never flagged', (name) => {
  const { run, dispose } = publishedMethod(name, smallOptions(name, SIZES));
  const rows = metricsOf(run);
  if (process.env.COUPLET_SHOW_ERRORS) show(name, rows);
  expect(rows.map(({ collapsed }) => collapsed)).toEqual(rows.map(() => 0));
  const hasTargets = 'target_information' in rows[0];
  expect(Math.min(...rows.map(({ feature_std }) => feature_std))).toBeGreaterThan(hasTargets ? 0.05 : 0.3);
  dispose();
});

function show(name: string, rows: Record<string, number>[]): void {
  const line = (row: Record<string, number>) =>
    Object.entries(row).map(([key, value]) => `${key} ${value.toPrecision(3)}`);
  rows.forEach((row, step) => {
    if (step % 20 === 0 || step === rows.length - 1)
      process.stderr.write(`${name} ${step}: ${line(row).join(', ')}\n`);
  });
}

// @proves dinoLoss, ntXentLoss, queryKeyLoss
// Losses, heads and three steps of MoCo v3, SimCLR and DINO against make-ssl-goldens.py.
import { describe, expect, test } from 'vitest';
import { dinoLoss, nextCenter } from '../../src/losses/dino.ts';
import { queryKeyLoss } from '../../src/losses/info-nce.ts';
import { ntXentLoss } from '../../src/losses/nt-xent.ts';
import { follow, startAsCopy } from '../../src/methods/shared/net-pair.ts';
import { BatchStatistics } from '../../src/nn/batch-norm.ts';
import { DinoHead, Head, normedMlp } from '../../src/nn/heads.ts';
import { Init } from '../../src/nn/init.ts';
import type { Module } from '../../src/nn/module.ts';
import { unitRows } from '../../src/nn/unit-rows.ts';
import { alone } from '../../src/ranks/index.ts';
import {
  backward,
  clearGrads,
  gradsOf,
  noGrad,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '../../src/torch/index.ts';
import { error, Golden, type Precision, TOLERANCE } from './golden.ts';

const golden = await Golden.read('ssl');
const [WIDTH, HIDDEN, E, OUTPUTS] = [6, 10, 5, 8];
const widths = { width: WIDTH, hidden: HIDDEN, embedDim: E };
const PRECISIONS: Precision[] = ['float64', 'float32'];
const DINO = { studentTemperature: 0.1, teacherTemperature: 0.04 };

const off = (key: string, actual: Tensor) => error(actual.toNumbers(), golden.values(key).numbers);

describe.each(PRECISIONS)('losses in %s', (dtype) => {
  const tolerance = TOLERANCE[dtype];
  const leaf = (name: string) => golden.tensor(`in.${name}`, dtype).requireGrad();

  test('MoCo v3', () => {
    scope(() => {
      const queries = leaf('queries');
      const keys = unitRows(golden.tensor('in.keys', dtype));
      const loss = queryKeyLoss(unitRows(queries), keys, { temperature: 0.2 });
      backward(loss);
      expect(off('out.moco', loss)).toBeLessThan(tolerance);
      expect(off('grad.moco.queries', gradsOf([queries])[0]!)).toBeLessThan(tolerance);
    });
  });

  test('SimCLR', () => {
    scope(() => {
      const views = [leaf('queries'), leaf('keys')];
      const loss = ntXentLoss(unitRows(views[0]), unitRows(views[1]), { temperature: 0.1 });
      backward(loss);
      expect(off('out.simclr', loss)).toBeLessThan(tolerance);
      const grads = gradsOf(views);
      expect(off('grad.simclr.queries', grads[0]!)).toBeLessThan(tolerance);
      expect(off('grad.simclr.keys', grads[1]!)).toBeLessThan(tolerance);
    });
  });

  test('DINO', () => {
    scope(() => {
      const [student, center] = [leaf('student'), golden.tensor('in.center', dtype)];
      const teacher = golden.tensor('in.teacher', dtype);
      const loss = dinoLoss(student, teacher, { center, ...DINO });
      backward(loss);
      expect(off('out.dino', loss)).toBeLessThan(tolerance);
      expect(off('grad.dino.student', gradsOf([student])[0]!)).toBeLessThan(tolerance);
      expect(off('out.center', nextCenter(center, teacher.mean([0, 1]), 0.9))).toBeLessThan(tolerance);
    });
  });
});

type HeadModule = Module & { forward(x: Tensor): Tensor };
const HEADS: Record<string, (init: Init) => HeadModule> = {
  moco_projector: (init) =>
    new Head(init, WIDTH, normedMlp([HIDDEN, HIDDEN, E], { ranks: alone, last: 'none' })),
  moco_predictor: (init) => new Head(init, E, normedMlp([HIDDEN, E], { ranks: alone, last: 'none' })),
  simclr_projector: (init) =>
    new Head(init, WIDTH, normedMlp([HIDDEN, HIDDEN, E], { ranks: alone, last: 'scale' })),
  dino_head: (init) => new DinoHead(init, { ...widths, outputs: OUTPUTS, normLastLayer: true }),
};

/** A head with the weights of the golden; its names must be those of the golden, no more and no fewer. */
function load(name: string, dtype: Precision): HeadModule {
  const head = HEADS[name](new Init({ seed: 1, dtype }));
  const tensors = [...head.namedTensors()].filter(([key]) => !key.endsWith('num_batches_tracked'));
  expect(tensors.map(([key]) => key).sort()).toEqual(golden.names(`weight.${name}.`));
  golden.load(new Map(tensors.map(([key, value]) => [`${name}.${key}`, value])));
  return head;
}

describe.each(PRECISIONS)('heads in %s', (dtype) => {
  // @proves normedMlp
  test.each(Object.keys(HEADS))('%s: outputs, gradients, running statistics, evaluation', (name) => {
    const head = load(name, dtype);
    scope(() => {
      const x = golden.tensor(`in.${name}.x`, dtype).requireGrad();
      const statistics = new BatchStatistics();
      const out = statistics.during(() => head.forward(x));
      backward(out.mul(golden.tensor(`in.${name}.pull`, dtype)).sum());
      statistics.commit();
      const learnt = [...head.namedParameters()].filter(([, { requiresGrad }]) => requiresGrad);
      expect(['x', ...learnt.map(([key]) => key)].sort()).toEqual(golden.names(`grad.${name}.`));
      const grads = gradsOf([x, ...learnt.map(([, parameter]) => parameter)]);
      const results: [string, Tensor][] = [
        [`out.${name}`, out],
        [`out.${name}.evaluated`, head.forward(x)],
        ...['x', ...learnt.map(([key]) => key)].map(
          (key, i) => [`grad.${name}.${key}`, grads[i]!] as [string, Tensor],
        ),
        ...[...head.namedTensors()]
          .filter(([key]) => /running/.test(key))
          .map(([key, value]) => [`out.${name}.${key}`, value] as [string, Tensor]),
      ];
      for (const [key, value] of results) expect(off(key, value), key).toBeLessThan(TOLERANCE[dtype]);
    });
    head.dispose();
  });
});

const STEPS = 3;
const LR = 0.3;
const EMA = { emaMomentum: 0.9 };

/** Plain gradient descent. */
function descend(modules: Module[]): void {
  const params = modules
    .flatMap((module) => [...module.namedParameters().values()])
    .filter(({ requiresGrad }) => requiresGrad);
  noGrad(() => {
    gradsOf(params).forEach((grad, i) => {
      params[i].add_(grad!, -LR);
    });
  });
  clearGrads(params);
}

/** The same from step to step: the order of gradient, moving copy and centre is that of the released code. */
describe('three steps in float64', () => {
  // @proves follow
  test('MoCo v3: the copy that follows after the update is the one that follows before the next keys', () => {
    const [projector, predictor, target] = ['moco_projector', 'moco_predictor', 'moco_projector'].map(
      (name) => load(name, 'float64'),
    );
    startAsCopy(target, projector);
    scope(() => {
      const views = golden.tensor('in.trace.moco');
      const losses = Array.from({ length: STEPS }, (_, step) => {
        const statistics = new BatchStatistics();
        const [one, two] = views.select(0, step).unbind(0);
        const loss = statistics.during(() => {
          const query = (x: Tensor) => unitRows(predictor.forward(projector.forward(x)));
          const key = (x: Tensor) => noGrad(() => unitRows(target.forward(x)));
          const ctr = (q: Tensor, k: Tensor) => queryKeyLoss(q, k, { temperature: 0.2 });
          return ctr(query(one), key(two)).add(ctr(query(two), key(one)));
        });
        backward(loss);
        descend([projector, predictor]);
        follow(target, projector, EMA);
        statistics.commit();
        return loss.item();
      });
      expect(error(losses, golden.values('out.trace.moco').numbers)).toBeLessThan(TOLERANCE.float64);
    });
    for (const module of [projector, predictor, target]) module.dispose();
  });

  // @proves follow
  test('DINO: teacher and centre', () => {
    const [student, teacher] = [load('dino_head', 'float64'), load('dino_head', 'float64')];
    startAsCopy(teacher, student);
    scope(() => {
      const crops = golden.tensor('in.trace.dino');
      let center: Tensor = zeros([OUTPUTS], { dtype: 'float64' });
      const losses = Array.from({ length: STEPS }, (_, step) => {
        const views = crops.select(0, step);
        const targets = noGrad(() => teacher.forward(views.narrow(0, 0, 2)));
        const loss = dinoLoss(student.forward(views), targets, { center, ...DINO });
        backward(loss);
        center = nextCenter(center, targets.mean([0, 1]), 0.9);
        descend([student]);
        follow(teacher, student, EMA);
        return loss.item();
      });
      expect(error(losses, golden.values('out.trace.dino').numbers)).toBeLessThan(TOLERANCE.float64);
      expect(off('out.trace.dino.center', center)).toBeLessThan(TOLERANCE.float64);
    });
    student.dispose();
    teacher.dispose();
  });
});

// @proves normedMlp
test('the heads are started as PyTorch starts linear layers, their norms as the identity', () => {
  const layers = normedMlp([256, 256, 32], { ranks: alone, last: 'none' });
  const head = new Head(new Init({ seed: 3 }), 64, layers);
  const tensors = head.namedTensors();
  const largest = (name: string) => Math.max(...tensors.get(name)!.toNumbers().map(Math.abs));
  expect(largest('0.weight')).toBeLessThanOrEqual(1 / 8);
  expect(largest('0.weight')).toBeGreaterThan(0.99 / 8);
  expect(largest('3.weight')).toBeGreaterThan(0.99 / 16);
  expect(new Set(tensors.get('1.weight')!.toNumbers())).toEqual(new Set([1]));
  expect(new Set(tensors.get('1.bias')!.toNumbers())).toEqual(new Set([0]));
  head.dispose();
  const dino = new DinoHead(new Init({ seed: 3 }), {
    width: 64,
    hidden: 256,
    embedDim: 32,
    outputs: 100,
    normLastLayer: true,
  });
  scope(() => {
    const outputs = dino.forward(tensor([...Array(64).keys()], [1, 64]));
    expect(Math.max(...outputs.toNumbers().map(Math.abs))).toBeLessThanOrEqual(1 + 1e-6); // cosines
  });
  dino.dispose();
});

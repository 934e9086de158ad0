// Captured steps are compared on a GPU only, static inputs everywhere.
import { expect, test } from 'vitest';
import { batchAt, clock } from '../../tests/contract/method-fixture.ts';
import { error } from '../../tests/contract/numbers.ts';
import { smallOptions } from '../../tests/contract/small-options.ts';
import { type Batch, findMethod, type Method, methods } from '../methods/index.ts';
import { type Freeze, frozenNames } from '../models/freeze.ts';
import { decayGroups, Sgd, WeightAverage } from '../optim/index.ts';
import { alone, nothingToAverage } from '../ranks/index.ts';
import { StepGraphs } from '../step/graphs/step-graphs.ts';
import { trainStep } from '../step/step.ts';
import { cudaCount, setMatmulPrecision } from './device.ts';
import { type Draw, Graph, StaticInputs, stepInput } from './graph.ts';
import { memoryStats, scope } from './scope.ts';
import { full, type Tensor } from './tensor.ts';

const FIRST: Draw = { step: 1, rows: { first: 0, total: 4 } };
const OTHER: Draw = { step: 7, rows: { first: 2, total: 4 } };
const twoInputs = () => [
  stepInput(FIRST, ({ step }) => full([2], step)),
  stepInput(FIRST, ({ rows }) => full([3], 10 + rows.first)),
];
const numbers = (tensors: Tensor[]) => tensors.map((each) => each.toNumbers());

test('inputs are kept in the order of their making, and written in place for another step', () => {
  const inputs = new StaticInputs();
  scope(() => {
    const kept = inputs.collect(twoInputs);
    for (const _ of [1, 2])
      expect(inputs.reuse(twoInputs).every((tensor, i) => tensor === kept[i])).toBe(true);
    expect(numbers(kept)).toEqual([
      [1, 1],
      [10, 10, 10],
    ]);
    inputs.refresh(OTHER);
    expect(numbers(kept)).toEqual([
      [7, 7],
      [12, 12, 12],
    ]);
  });
  inputs.dispose();
});

test('inputs outlive the scope of their making; dispose() frees them, and refresh() leaves nothing behind', () => {
  const before = memoryStats().liveTensors;
  const inputs = new StaticInputs();
  const kept = scope(() => numbers(inputs.collect(twoInputs)));
  expect(memoryStats().liveTensors).toBe(before + 2);
  inputs.refresh(OTHER);
  expect(memoryStats().liveTensors).toBe(before + 2);
  expect(scope(() => numbers(inputs.reuse(twoInputs)))).not.toEqual(kept);
  inputs.dispose();
  expect(memoryStats().liveTensors).toBe(before);
});

test('outside of collect(), and after one that threw, inputs are drawn again and not kept', () => {
  const inputs = new StaticInputs();
  const failing = () => {
    throw new Error('in the body');
  };
  expect(() => inputs.collect(failing)).toThrow('in the body');
  const before = memoryStats().liveTensors;
  scope(() => {
    const [one, two] = [twoInputs(), twoInputs()];
    expect(one[0]).not.toBe(two[0]);
    expect(numbers(one)).toEqual(numbers(two));
  });
  expect(memoryStats().liveTensors).toBe(before);
  inputs.dispose();
});

test('nested static inputs are separate', () => {
  const [outer, inner] = [new StaticInputs(), new StaticInputs()];
  scope(() => {
    const [a, b, c] = outer.collect(() => {
      const [first] = twoInputs();
      return [first, inner.collect(twoInputs)[0], twoInputs()[0]];
    });
    inner.refresh(OTHER);
    expect(numbers([a, b, c]).map(([value]) => value)).toEqual([1, 7, 1]);
  });
  outer.dispose();
  inner.dispose();
});

test('without CUDA nothing is captured, and the body does not run', ({ skip }) => {
  skip(cudaCount() > 0, 'this machine has a CUDA device');
  let ran = false;
  const body = () => {
    ran = true;
  };
  expect(() => Graph.onCaptureStream(body)).toThrow();
  expect(() => Graph.capture(body)).toThrow();
  expect(ran).toBe(false);
});

const DEVICE = 'cuda:0';
/** Texts have 6 tokens; a capture pads them to 8. */
const MODEL = {
  embedDim: 8,
  image: {
    imageSize: 16,
    patchSize: 4,
    width: 16,
    layers: 2,
    heads: 2,
    mlpRatio: 2,
    pool: 'class',
    positionEmbedding: 'learned',
  },
  text: { contextLength: 8, vocabSize: 32, width: 16, heads: 2, layers: 1 },
} as const;
/** Two kinds of steps in turn, so that the first is replayed after the second was captured. */
const DROPOUT = [0.5, 0.25, 0.5, 0.25, 0.5, 0.25];
const LR = 3e-4;
const BATCH = 16;
/** SimCLR's usual temperature 0.1 magnifies rounding errors. */
const OPTIONS: Record<string, object> = { simclr: { temperature: 0.5 } };

const makeMethod = (name: string): Method =>
  findMethod(name).create({
    options: findMethod(name).options.parse({ name, ...smallOptions(name), ...OPTIONS[name] }),
    model: MODEL,
    datasetSize: 20,
    seed: 1,
    device: DEVICE,
    precision: 'float32',
    pixels: { mean: [0.48, 0.46, 0.41], std: [0.27, 0.26, 0.28] },
    optimizer: { peakLr: LR, beta1: 0.9, beta2: 0.98, eps: 1e-6 },
    ranks: alone,
  });

const onDevice = ({ views, tokens, ids, rows }: Batch): Batch => ({
  views: views.map((view) => view.toDevice(DEVICE)),
  tokens: tokens.toDevice(DEVICE),
  ids: ids.toDevice(DEVICE),
  rows,
});

/** Not Adam, which magnifies the rounding error of a gradient near zero. */
const makeOptimizer = (method: Method) =>
  new Sgd(decayGroups(method.params, 0, { rule: method.decays }), { sgdMomentum: 0, nesterov: false });

/** Six steps in float32 at a time: the loss is captured by the third step of a shape. */
class Training {
  readonly #name: string;
  readonly #method: Method;
  readonly #average: WeightAverage;
  readonly #optimizer: Sgd;
  readonly #graphs: StepGraphs | undefined;
  #step = 0;

  constructor(name: string, how: 'op by op' | 'captured', freeze: Freeze = {}) {
    this.#name = name;
    this.#method = makeMethod(name);
    this.#method.freeze(frozenNames(this.#method.params.keys(), { freeze, model: MODEL }));
    this.#average = new WeightAverage(this.#method.params, { momentum: 0.9 });
    this.#optimizer = makeOptimizer(this.#method);
    if (how === 'captured') this.#graphs = new StepGraphs(this.#method);
  }

  sixSteps(): number {
    const losses = DROPOUT.map((tokenDropout, i) =>
      this.#next(tokenDropout, { log: i === DROPOUT.length - 1 }),
    );
    return losses.at(-1)!;
  }

  #next(tokenDropout: number, options: { log: boolean }): number | undefined {
    const step = this.#step++;
    const parts = {
      method: this.#method,
      optimizer: this.#optimizer,
      average: this.#average,
      averager: nothingToAverage,
      ranks: alone,
    };
    const config = { batch: { globalBatchSize: BATCH, gradAccumSteps: 1 }, optimizer: {} } as never;
    const at = { ...clock(step), lr: LR, compression: { tokenDropout, patchSize: 4 } };
    return scope(() => {
      const batch = onDevice(batchAt(step, this.#name, { size: BATCH }));
      const graphs = this.#graphs && { graphs: this.#graphs };
      return trainStep({ ...parts, config, ...graphs }, batch, at, options)?.['train/loss'];
    });
  }

  weights(): number[] {
    return [...this.#method.params.values()].flatMap((tensor) => tensor.toNumbers());
  }

  /** As an evaluation exchanges them, which must leave captured addresses alone. */
  averages(): Promise<number[]> {
    return this.#average.during(async () => this.weights());
  }

  disposeGraphs(): void {
    this.#graphs?.dispose();
  }

  dispose(): void {
    this.disposeGraphs();
    this.#average.dispose();
    this.#optimizer.dispose();
    this.#method.dispose();
  }
}

const FROZEN: [name: string, freeze: Freeze][] = [
  ['clip', { image: 'all' }],
  ['fastclip', { image: 1, text: 'all' }],
  ['moco-v3', { image: 1 }],
];

test.for([...Object.keys(methods).map((name): [string, Freeze] => [name, {}]), ...FROZEN])(
  '%s, frozen: %j: captured steps are the steps op by op, also when all graphs were disposed of and captured again',
  async ([name, freeze], { skip }) => {
    skip(cudaCount() === 0, 'captured steps need a CUDA device');
    setMatmulPrecision('exact');
    const [eager, captured] = [
      new Training(name, 'op by op', freeze),
      new Training(name, 'captured', freeze),
    ];
    const start = eager.weights();
    expect(captured.weights()).toEqual(start);
    for (const round of ['first graphs', 'graphs captured again']) {
      const before = eager.weights();
      const loss = eager.sixSteps();
      expect(Math.abs(captured.sixSteps() / loss - 1), round).toBeLessThan(1e-5);
      expect(error(captured.weights(), eager.weights()), round).toBeLessThan(1e-5);
      expect(error(eager.weights(), before), round).toBeGreaterThan(1e-4); // far above the bounds, with most weights frozen too
      expect(error(await captured.averages(), await eager.averages()), round).toBeLessThan(1e-5);
      captured.disposeGraphs();
    }
    eager.dispose();
    captured.dispose();
  },
);

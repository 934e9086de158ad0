// A CLIP of one shop's products, trained on another shop's: from scratch, and from the weights of runs/products.
// npx couplet train configs/products.ts                  first: the weights
// node --import jiti/register scripts/sweep.ts experiments/fine-tune.ts --out DIR --only '^tune'
// node ... --only '^final'
import type { SweepRun } from '../scripts/sweep.ts';

const APPAREL = {
  'data.train': { type: 'webdataset', path: 'data/apparel/train-{00000..00002}.tar' },
  'evaluate.retrieval.data': { type: 'webdataset', path: 'data/apparel/val-00000.tar' },
  'data.cache': 'data/cache',
  'data.workers': 6,
  threads: 2,
};
/** Epochs from scratch; fine-tuning has a fifth. */
const EPOCHS = 60;

interface Way {
  /** Peak rates that were tried, and the best. */
  rates: number[];
  best: number;
  epochs: number;
  set?: Record<string, unknown>;
}

const from = (more: object = {}) => ({ model: { from: 'runs/products', ...more } });

const WAYS: Record<string, Way> = {
  scratch: { rates: [6e-4, 1.2e-3, 2.4e-3], best: 1, epochs: EPOCHS },
  tuned: { rates: [3e-4, 6e-4, 1.2e-3], best: 1, epochs: EPOCHS / 5, set: from() },
  'layer-decay': {
    rates: [6e-4, 1.2e-3, 2.4e-3],
    best: 1,
    epochs: EPOCHS / 5,
    set: { ...from(), 'optimizer.layerDecay': 0.75 },
  },
  'locked-image': {
    rates: [3e-4, 6e-4, 1.2e-3],
    best: 1,
    epochs: EPOCHS / 5,
    set: from({ freeze: 'image' }),
  },
};

function run(name: string, { epochs, set }: Way, { rate, seed }: { rate: number; seed: number }): SweepRun {
  return {
    name,
    config: 'configs/products.ts',
    set: { ...APPAREL, ...set, 'optimizer.peakLr': rate, seed, duration: { epochs } },
  };
}

const ways = Object.entries(WAYS);
export default [
  ...ways.flatMap(([name, way]) =>
    way.rates.map((rate, i) => run(`tune-${name}-${i}`, way, { rate, seed: 0 })),
  ),
  ...[0, 1, 2].flatMap((seed) =>
    ways.map(([name, way]) => run(`final-${name}-${seed}`, way, { rate: way.rates[way.best]!, seed })),
  ),
];

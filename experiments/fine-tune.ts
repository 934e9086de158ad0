// A CLIP of one shop's products, trained on another shop's: from scratch, and from the weights of runs/products.
// npx couplet train configs/products.ts                  first: the weights
// node --import jiti/register scripts/sweep.ts experiments/fine-tune.ts --out DIR --only '^tune'
// node --import jiti/register scripts/sweep-best.ts DIR/results.jsonl eval/mean_recall --only '^tune' --out chosen.json
// CHOSEN=chosen.json node ... --only '^apparel'            without CHOSEN with the best of docs/results/fine-tune.md
import type { SweepRun } from '../scripts/sweep.ts';
import { chosenName } from './settings.ts';

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
  scratch: { rates: [6e-4, 1.2e-3, 2.4e-3], best: 0, epochs: EPOCHS },
  tuned: { rates: [3e-4, 6e-4, 1.2e-3], best: 1, epochs: EPOCHS / 5, set: from() },
  'layer-decay': {
    rates: [6e-4, 1.2e-3, 2.4e-3],
    best: 1,
    epochs: EPOCHS / 5,
    set: { ...from(), 'optimizer.layerDecay': 0.75 },
  },
  'locked-image': {
    rates: [3e-4, 6e-4, 1.2e-3],
    best: 2,
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

/** The rate that was best, in CHOSEN or else here. */
function bestRate(name: string, { rates, best }: Way): number {
  const chosen = chosenName(`tune-apparel-${name}`);
  return rates[chosen === undefined ? best : Number(chosen.split('-').at(-1))]!;
}

const ways = Object.entries(WAYS);
export default [
  ...ways.flatMap(([name, way]) =>
    way.rates.map((rate, i) => run(`tune-apparel-${name}-${i}`, way, { rate, seed: 0 })),
  ),
  ...[0, 1, 2].flatMap((seed) =>
    ways.map(([name, way]) => run(`apparel-${name}-${seed}`, way, { rate: bestRate(name, way), seed })),
  ),
];

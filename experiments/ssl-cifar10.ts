// MoCo v3, SimCLR and DINO on CIFAR-10 with short sequences: is the same encoder there in a fraction of the time?
// SECONDS=120 node --import jiti/register scripts/sweep.ts experiments/ssl-cifar10.ts --out DIR --only '^moco-v3'
import type { SweepRun } from '../scripts/sweep.ts';

/** Seconds of training of a run without compression. */
const SECONDS = Number(process.env.SECONDS ?? 120);
/** What share of them a compressed run gets: what the paper claims for each method. */
const SHARES: Record<string, number> = { 'moco-v3': 1 / 4, simclr: 1 / 3.3, dino: 1 / 2.5 };

/** One at a time, as a person would try them; 64 patches of 4 pixels, so 8 pixels are 16 patches. */
const STRATEGIES: Record<string, Record<string, unknown>> = {
  none: { schedule: { warmup: { share: 0.1 }, shape: 'cosine' } },
  decay: { schedule: { warmup: { share: 0.1 }, shape: 'polynomial' } },
  dropout: { compression: { tokenDropout: 0.5 } },
  patches: { compression: { patchSize: 8 } },
  ramp: {
    compression: {
      stages: [
        { from: 0, tokenDropout: 0.5, patchSize: 8 },
        { from: 0.25, tokenDropout: 0, patchSize: 8 },
        { from: 0.6, tokenDropout: 0.5 },
        { from: 0.85, tokenDropout: 0 },
      ],
    },
  },
};

const evaluate = (share: number) => ({ 'evaluate.every': { share } });

const runs = Object.entries(SHARES).flatMap(([method, share]): SweepRun[] => {
  const config = `configs/${method}-cifar10.ts`;
  const whole = { duration: { seconds: SECONDS }, ...STRATEGIES.none, ...evaluate(0.05) };
  const short = Object.entries(STRATEGIES).flatMap(([name, set]) =>
    [0, 1, 2].map((seed) => ({
      name: `${method}-${name}-${seed}`,
      config,
      set: { ...set, ...evaluate(0.2), duration: { seconds: SECONDS * share }, seed },
    })),
  );
  return [{ name: `${method}-whole-0`, config, set: whole }, ...short];
});

/** The first seeds of all before the second ones, so that a sweep that is cut has tried each. */
const seedOf = ({ name }: SweepRun) => Number(name.at(-1));
export default runs.sort((a, b) => seedOf(a) - seedOf(b));

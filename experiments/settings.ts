// What the lists of runs share.
import { existsSync, readFileSync } from 'node:fs';

/** Small runs: pictures held on the GPU, steps recorded, few threads, so that several run side by side. */
export const SMALL = {
  'data.hold': 'device',
  'data.cache': 'data/cache',
  'data.workers': 6,
  threads: 2,
  cudaGraphs: true,
  precision: 'bfloat16',
  'schedule.warmup': { share: 0.1 },
};

/** A JSON file's content; undefined where there is none yet. */
export const jsonAt = <T>(path: string): T | undefined =>
  existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as T) : undefined;

const { CHOSEN } = process.env;
/** Asked for by name, so it must be there. */
const found = CHOSEN ? JSON.parse(readFileSync(CHOSEN, 'utf8')) : {};

/** The settings of the best run of a group, as `tune-clip`, from the file CHOSEN that scripts/sweep-best.ts wrote; undefined without. */
export const chosenSet = (group: string): Record<string, unknown> | undefined => found[group]?.set;

import type { Compression } from '../compress/index.ts';
import { type DatasetDescription, describeDataset, type Problems } from '../data/index.ts';
import type { EvalReport } from '../evaluate/index.ts';
import { bfloat16Gain } from '../torch/index.ts';
import type { RunParts } from './build.ts';

export type TrainEvent =
  /** Pictures decoded, or samples encoded, for the device to hold, before the first step. */
  | { type: 'holding'; done: number; total: number; encodes?: 'pictures' | 'captions' }
  | { type: 'start'; step: number; totalSteps: number; facts: RunFacts }
  /** `samples` are those seen so far. */
  | { type: 'log'; row: Record<string, number>; totalSteps: number; samples: number }
  | { type: 'evaluated'; step: number; report: EvalReport }
  | { type: 'saved'; step: number; path: string }
  /** The compression of steps from this one on. */
  | { type: 'compression'; step: number; compression: Compression }
  | { type: 'warning'; message: string };

export type OnEvent = (event: TrainEvent) => void;

export interface RunFacts {
  runDir: string;
  device: string;
  precision: string;
  parameters: number;
  samples: number;
  skipped: Problems;
  data: DatasetDescription;
  /** What the weights come from, where not from the seed: one sentence a file. */
  weights?: string[];
}

export function factsOf({ runDir, device, config, method, dataset, tokenizer, told }: RunParts): RunFacts {
  const parameters = [...method.model.values()].reduce((sum, tensor) => sum + tensor.size, 0);
  return {
    runDir,
    device,
    precision: config.precision,
    parameters,
    samples: dataset.size,
    skipped: dataset.problems,
    ...(told.length > 0 && { weights: [...told] }),
    data: describeDataset(dataset, { captions: tokenizer !== undefined, seed: config.seed }),
  };
}

export function slowPrecision({ config: { precision }, device }: RunParts): string | undefined {
  if (device !== 'cpu' || precision !== 'bfloat16') return undefined;
  const gain = bfloat16Gain();
  if (gain > 0.5) return undefined;
  return `this processor is ${(1 / gain).toFixed(0)} times slower in bfloat16 than in float32: stop, and set precision to 'float32'`;
}

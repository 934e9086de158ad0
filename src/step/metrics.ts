import type { Ranks } from '../ranks/index.ts';
import type { Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/** The mean over ranks of each metric, as `train/NAME`: one collective, one wait for the device. */
export function readMetrics(metrics: Record<string, Tensor>, ranks: Ranks): Record<string, number> {
  const names = Object.keys(metrics);
  const all = ops.stack(names.map((name) => metrics[name].to('float32')));
  const values = ranks.allReduceMean(all, 'metrics').toNumbers();
  return Object.fromEntries(names.map((name, i) => [`train/${name}`, values[i]]));
}

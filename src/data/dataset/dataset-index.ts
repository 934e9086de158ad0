import type { CaptionRules } from './captions.ts';
import type { Columns } from './columns.ts';

/** The joined index as plain data and shared memory: what a worker thread is given. */
export interface DatasetIndex {
  columns: Columns;
  containers: readonly string[];
  rules: readonly CaptionRules[];
}

import type { CaptionRules } from './captions.ts';
import type { Columns } from './columns.ts';

/** The joined index, as plain data for worker threads. */
export interface DatasetIndex {
  columns: Columns;
  containers: readonly string[];
  rules: readonly CaptionRules[];
}

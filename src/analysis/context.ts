// What an analysis is asked for, made of, and says.
import type { Candidate } from '../compress/index.ts';
import type { RunConfig } from '../config/index.ts';
import type { AnalysisRecord } from './record.ts';
import type { GridOptions, Settings } from './settings.ts';
import type { Stage } from './stages.ts';

/** What happens in an analysis, for whoever shows it. */
export type AnalyzeEvent =
  | { type: 'start'; stages: Stage[]; settings: Settings; left: number }
  | { type: 'batch'; share: number; candidate: Candidate; done: number; secondsLeft: number }
  | {
      type: 'pass';
      share: number;
      candidate: Candidate;
      kind: 'point' | 'control';
      left: number;
      seconds: number;
    }
  | { type: 'warning'; message: string };

export interface AnalyzeOptions extends GridOptions {
  /** The analysis; default analysis.json in the run's folder. What it can be taken up from is beside it, as .jsonl. */
  out?: string;
  /** `path=value` changes to the saved config, e.g. another device. */
  set?: readonly string[];
  /** Aborting it ends between two sub-batches; what is done is kept. */
  signal?: AbortSignal;
  onEvent?: (event: AnalyzeEvent) => void;
}

/** What an analysis is made of. */
export interface AnalysisContext {
  config: RunConfig;
  device: string;
  settings: Settings;
  stages: Stage[];
  record: AnalysisRecord;
  datasetSize: number;
}

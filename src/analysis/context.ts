import type { Candidate } from '../compress/index.ts';
import type { RunConfig } from '../config/index.ts';
import type { PassLine, PassLog } from './pass-log.ts';
import type { GridOptions, Settings } from './settings.ts';
import type { Snapshot } from './snapshots.ts';

/** `left`: passes. */
export type AnalyzeEvent =
  | { type: 'start'; snapshots: Snapshot[]; settings: Settings; left: number }
  | { type: 'batch'; share: number; candidate: Candidate; done: number; secondsLeft: number }
  | {
      type: 'pass';
      share: number;
      candidate: Candidate;
      kind: PassLine['kind'];
      left: number;
      seconds: number;
    }
  | { type: 'warning'; message: string };

export interface AnalyzeOptions extends GridOptions {
  /** Default analysis.json in the run's folder. The pass log is beside it, as .jsonl. */
  out?: string;
  /** `path=value` changes to the saved config. */
  set?: readonly string[];
  /** Aborting ends the analysis between two sub-batches. Finished passes stay. */
  signal?: AbortSignal;
  onEvent?: (event: AnalyzeEvent) => void;
}

export interface AnalysisContext {
  config: RunConfig;
  device: string;
  settings: Settings;
  snapshots: Snapshot[];
  passLog: PassLog;
  datasetSize: number;
}

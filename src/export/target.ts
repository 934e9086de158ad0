import type { HostTensor } from '../io/host-tensor.ts';
import type { AnyModelSpec } from '../models/registry.ts';
import type { VariantName } from '../onnx/index.ts';
import type { LoadedRun } from '../run/load-run.ts';
import type { HeldOut } from './held-out.ts';
import type { ParityFile } from './parity.ts';

export interface ExportContext {
  run: LoadedRun;
  runDir: string;
  /** Nothing is left to the style of its family. */
  model: AnyModelSpec;
  weights: ReadonlyMap<string, HostTensor>;
  /** Before the names of the image tower's tensors, or of the net that encodes. */
  prefix: string;
  /** Of ONNX. */
  variants: readonly VariantName[];
  heldOut: () => Promise<HeldOut>;
  /** What is being done, for a person who waits. */
  progress(text: string): void;
}

export interface Written {
  /** What can be compared with the run. */
  files: ParityFile[];
  /** What a person should know. */
  remarks: string[];
}

export interface ExportTarget {
  /** Of `--to`. */
  name: string;
  /** What a model (`styled`) has that the program has not, in words. Empty: it fits. */
  lacks(model: AnyModelSpec): readonly string[];
  /** Of a model card. */
  library: string;
  pipeline(model: AnyModelSpec): string;
  write(folder: string, context: ExportContext): Promise<Written>;
  /** A program that loads the folder, in its language. */
  usage(model: AnyModelSpec): { language: string; lines: readonly string[] };
}

/** A program that an export is for. `targets/index.ts` lists them. */
export const defineExport = (target: ExportTarget): ExportTarget => target;

/** Couplet: contrastive pretraining of image and image-text encoders. What is exported here is the public surface. */

export {
  type Analysis,
  type AnalyzeEvent,
  type AnalyzeOptions,
  analyzeRun,
  type RuleOptions,
  readAnalysis,
  type ScheduleResult,
  scheduleOf,
  writeReport,
} from './analysis/index.ts';
export { Progress } from './cli/progress.ts';
export {
  defineConfig,
  loadConfig,
  parseConfig,
  type RunConfig,
  type RunConfigInput,
} from './config/index.ts';
export { createLoader, type Dataset, evalBatches, type Loader, openDataset } from './data/index.ts';
export { createTokenizer, loadTokenizer, type Tokenizer } from './data/tokenizer/tokenizer.ts';
export { type EmbedOptions, type EmbedResult, embedSource } from './embed/index.ts';
export { CoupletError } from './errors.ts';
export { encodeDataset, retrieval, zeroShot } from './evaluate/index.ts';
export {
  checkExport,
  type ExportCheck,
  type ExportOptions,
  type ExportResult,
  exportRun,
  type FileCheck,
} from './export/index.ts';
export { readMetrics } from './io/metrics.ts';
export { writeSafetensors } from './io/safetensors.ts';
export { defineMethod, type Method, type MethodDefinition } from './methods/method.ts';
export { scaledLr } from './methods/shared/scaled-lr.ts';
export { type AnyClipSpec, Clip, type ClipSpec } from './models/clip.ts';
export { clipModels, resnetClipModels } from './models/registry.ts';
export { type OnnxFile, type OnnxModel, type OnnxOptions, openOnnx, writeOnnx } from './onnx/index.ts';
export { evaluateRun } from './run/evaluate-run.ts';
export { type LoadedRun, type LoadRunOptions, loadRun } from './run/load-run.ts';
export { type Match, nameOfRow, openSearch, type Search, type SearchOptions } from './search/index.ts';
export * as torch from './torch/index.ts';
export { type TrainEvent, type TrainOptions, type TrainResult, train } from './train.ts';

export type { Batch, HostView } from './batches.ts';
export type { Interpolation, Transform } from './crop.ts';
export { type Dataset, type DatasetOptions, openDataset } from './dataset.ts';
export { type EvalBatches, evalBatches } from './eval-batches.ts';
export { checkBatchSize, createLoader, type Loader } from './loader.ts';
export type { EvalOptions, LoaderOptions } from './loader-options.ts';
export { listProblems, type Problem, type Problems } from './problems.ts';
export { type SourceConfig, type SourceInput, sourceSchema } from './source.ts';
export { pictureSizes, wholePictures } from './whole.ts';

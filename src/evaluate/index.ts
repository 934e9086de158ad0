export type { Accuracy } from './accuracy.ts';
export type { ClassifyOptions } from './classify.ts';
export { closeEvalData, evaluate, openEvalData } from './evaluate.ts';
export { type DatasetFeatures, type Encoder, encodeDataset } from './features.ts';
export type { FineTuneOptions, FineTuneReport } from './fine-tune.ts';
export type { LabelledPair } from './labelled.ts';
export type { LinearProbeOptions, LinearProbeReport } from './linear-probe.ts';
export { checkBestBy, type EvalReport, evalLines, evalMetrics } from './metrics.ts';
export type {
  LabelledRows,
  NeighboursOptions,
  NeighboursReport,
} from './neighbours.ts';
export type { EvalData } from './registry.ts';
export { type RetrievalReport, retrieval } from './retrieval.ts';
export { type ZeroShotReport, zeroShot } from './zero-shot.ts';

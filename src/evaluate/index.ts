export type { Accuracy } from './accuracy.ts';
export { type ClassifyOptions, classify } from './classify.ts';
export { closeEvalData, evaluate, openEvalData } from './evaluate.ts';
export { type DatasetFeatures, type Encoder, encodeDataset } from './features.ts';
export { type FineTuneOptions, type FineTuneReport, fineTune } from './fine-tune.ts';
export { type LabelledPair, openPair } from './labelled.ts';
export { type LinearProbeOptions, type LinearProbeReport, linearProbe } from './linear-probe.ts';
export { checkBestBy, type EvalReport, evalMetrics } from './metrics.ts';
export {
  type LabelledRows,
  type NeighboursOptions,
  type NeighboursReport,
  neighbours,
} from './neighbours.ts';
export { type EvalData, evaluators } from './registry.ts';
export { type RetrievalReport, retrieval } from './retrieval.ts';
export { type ZeroShotReport, zeroShot } from './zero-shot.ts';

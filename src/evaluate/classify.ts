import type { Encoder } from './features.ts';
import { ImageFeatures } from './features.ts';
import { type FineTuneOptions, fineTune } from './fine-tune.ts';
import type { LabelledPair } from './labelled.ts';
import { type LinearProbeOptions, linearProbe } from './linear-probe.ts';
import type { EvalReport } from './metrics.ts';
import { type NeighboursOptions, neighbours } from './neighbours.ts';
import { Remarks, type ReportRemarks } from './remarks.ts';

export interface ClassifyOptions {
  neighbours?: NeighboursOptions;
  linear?: Partial<LinearProbeOptions>;
  fineTune?: Partial<FineTuneOptions>;
}

/** Runs the evaluations that `options` has. Fine-tuning comes last, since it moves the encoder. */
export async function classify(
  pair: LabelledPair,
  encoder: Encoder,
  options: ClassifyOptions,
): Promise<EvalReport> {
  const remarks = new Remarks();
  for (const note of pair.notes) remarks.note(note);
  const features = new ImageFeatures(encoder, remarks);
  try {
    const report = await classifyFeatures(pair, features, options);
    const said = remarks.finish(encoder.method.model); // before fine-tuning moves the weights
    features.dispose(); // frees device memory for training
    if (options.fineTune) report.fineTune = await fineTune(pair, encoder, { ...options.fineTune, remarks });
    return { ...report, ...said, skipped: remarks.skipped, notes: remarks.notes };
  } finally {
    features.dispose();
  }
}

async function classifyFeatures(
  { train, test, classes, names }: LabelledPair,
  features: ImageFeatures,
  options: ClassifyOptions,
): Promise<Omit<EvalReport, keyof ReportRemarks>> {
  if (!options.neighbours && !options.linear) return {};
  const known = await features.of(train, names.train);
  const heldOut = await features.of(test, names.test);
  return {
    ...(options.neighbours && { neighbours: neighbours(heldOut, known, { ...options.neighbours, classes }) }),
    ...(options.linear && { linear: linearProbe(known, heldOut, { ...options.linear, classes }) }),
  };
}

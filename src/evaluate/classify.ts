// Classification by features of labelled pictures: neighbours, a linear probe, fine-tuning.
import type { Encoder } from './features.ts';
import { ImageFeatures } from './features.ts';
import { type FineTuneOptions, fineTune } from './fine-tune.ts';
import type { LabelledPair } from './labelled.ts';
import { type LinearProbeOptions, linearProbe } from './linear-probe.ts';
import type { EvalReport } from './metrics.ts';
import { type NeighboursOptions, neighbours } from './neighbours.ts';

/** What is measured, with settings; what is left out is not. */
export interface ClassifyOptions {
  neighbours?: NeighboursOptions;
  linear?: Partial<LinearProbeOptions>;
  fineTune?: Partial<FineTuneOptions>;
}

/** Measures on one pair of labelled data sets. Each picture is encoded once for neighbours and probe; fine-tuning comes last, since it moves the encoder. */
export async function classify(
  pair: LabelledPair,
  encoder: Encoder,
  options: ClassifyOptions,
): Promise<EvalReport> {
  const features = new ImageFeatures(encoder);
  try {
    const report = await classifyFeatures(pair, features, options);
    const { skipped } = features;
    features.dispose(); // the device is needed for training
    if (options.fineTune) report.fineTune = await fineTune(pair, encoder, options.fineTune);
    return { ...report, skipped };
  } finally {
    features.dispose();
  }
}

/** The evaluations that need features alone. */
async function classifyFeatures(
  { train, test, classes }: LabelledPair,
  features: ImageFeatures,
  options: ClassifyOptions,
): Promise<Omit<EvalReport, 'skipped'>> {
  if (!options.neighbours && !options.linear) return {};
  const [known, held] = [await features.of(train), await features.of(test)];
  return {
    ...(options.neighbours && { neighbours: neighbours(held, known, { ...options.neighbours, classes }) }),
    ...(options.linear && { linear: linearProbe(known, held, { ...options.linear, classes }) }),
  };
}

// All passes of an analysis: stage by stage, candidate by candidate.
import { hash32 } from '../data/random.ts';
import { adamStateOf } from '../gradient-error/adam-scale.ts';
import type { RunParts } from '../run/build.ts';
import { restoreRun } from '../run/checkpoint.ts';
import { deviceMemory } from '../torch/index.ts';
import type { AnalysisContext, AnalyzeEvent, AnalyzeOptions } from './context.ts';
import { type Measured, measureStage } from './measure.ts';
import { Meter } from './meter.ts';
import type { AnalysisRecord } from './record.ts';
import { Samples } from './samples.ts';
import type { Stage } from './stages.ts';

/** Of the device's memory, what views may take to be read once only; the control's come on top. */
const VIEWS_SHARE = 1 / 16;
/** Tells the seed of an analysis from those of runs. */
const SALT = 0x5eed;

/** All passes that are left, and their lines in the record. Whether none is left. */
export async function measureAll(
  context: AnalysisContext,
  { options, open }: { options: AnalyzeOptions; open: () => Promise<RunParts> },
): Promise<boolean> {
  const { settings, stages, record } = context;
  const { signal, onEvent = () => {} } = options;
  const meter = new Meter(context);
  onEvent({ type: 'start', stages, settings, left: meter.left });
  if (meter.left === 0) return true;
  const parts = await open();
  const [samples, others] = [0, settings.samples / settings.subBatch].map((first) =>
    samplesOf(parts, { context, first }),
  );
  // A sub-batch is a whole batch to the loss.
  const config = { ...parts.config, batch: { ...parts.config.batch, gradAccumSteps: 1 } };
  const training = { method: parts.method, config, averager: parts.averager };
  try {
    for (const stage of stages) {
      if (!meter.anyLeft(stage) || signal?.aborted) continue;
      if (stage.path) await restoreRun(parts, stage.path);
      const measured = measureStage(
        {
          ...context,
          training,
          clock: parts.plan.contextAt(stage.step),
          moment: `${Math.round(stage.share * 100)} % of the run (step ${stage.step})`,
          samples,
          others,
          ...(settings.adam && { adam: adamStateOf(parts) }),
          ...(signal && { signal }),
          onBatch: (candidate) =>
            onEvent({ type: 'batch', share: stage.share, candidate, ...meter.batch(candidate) }),
        },
        (kind, candidate) => meter.isLeft(stage, { kind, ...candidate }),
      );
      for await (const found of measured) keep(found, { stage, record, meter, onEvent });
    }
    return meter.left === 0;
  } finally {
    record.add({ kind: 'spent', ...meter.lap() });
    for (const each of [samples, others]) each.dispose();
    parts.graphs?.dispose();
    parts.averager.dispose();
    parts.method.dispose();
    parts.optimizer.dispose();
  }
}

/** Writes a pass down, and tells of it. */
function keep(
  { kind, candidate, moments }: Measured,
  {
    stage,
    record,
    meter,
    onEvent,
  }: { stage: Stage; record: AnalysisRecord; meter: Meter; onEvent: (event: AnalyzeEvent) => void },
): void {
  const { tokenDropout, patchSize } = candidate;
  const spent = meter.lap();
  meter.finish(stage, { kind, ...candidate });
  record.add({ kind, step: stage.step, tokenDropout, patchSize, moments, ...spent });
  onEvent({ type: 'pass', share: stage.share, candidate, kind, left: meter.left, seconds: spent.seconds });
}

function samplesOf(
  { config, dataset, model, device, encoder, tokenizer }: RunParts,
  { context: { settings }, first }: { context: AnalysisContext; first: number },
): Samples {
  return new Samples({
    config,
    dataset,
    model,
    device,
    workers: encoder.workers,
    ...(tokenizer && { tokenizer }),
    subBatch: settings.subBatch,
    first,
    count: settings.samples / settings.subBatch,
    seed: hash32([config.seed, SALT, settings.seed]),
    keepBytes: VIEWS_SHARE * deviceMemory(device),
  });
}

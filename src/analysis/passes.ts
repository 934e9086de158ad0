import { hash32 } from '../data/random.ts';
import { runAll, withCleanUp } from '../errors.ts';
import { adamStateOf } from '../gradient-error/adam-scale.ts';
import { disposeParts, type RunParts } from '../run/build.ts';
import { restoreRun } from '../run/checkpoint.ts';
import { deviceMemory } from '../torch/index.ts';
import type { AnalysisContext, AnalyzeEvent, AnalyzeOptions } from './context.ts';
import { type Measured, measureSnapshot } from './measure.ts';
import { Meter } from './meter.ts';
import type { PassLog } from './pass-log.ts';
import { Samples } from './samples.ts';
import type { Snapshot } from './snapshots.ts';

/** Share of device memory for views kept between passes; the control's take as much again. */
const VIEWS_SHARE = 1 / 16;
/** So that an analysis draws other samples than the run. */
const SEED_SALT = 0x5eed;

/** Returns whether all passes are done. */
export async function measureAll(
  context: AnalysisContext,
  { options, open }: { options: AnalyzeOptions; open: () => Promise<RunParts> },
): Promise<boolean> {
  const { settings, snapshots, passLog } = context;
  const { signal, onEvent = () => {} } = options;
  const meter = new Meter(context);
  onEvent({ type: 'start', snapshots, settings, left: meter.left });
  if (meter.left === 0) return true;
  const parts = await open();
  const [samples, others] = [0, settings.samples / settings.subBatch].map((first) =>
    samplesOf(parts, { context, first }),
  );
  // The loss sees a whole sub-batch.
  const config = { ...parts.config, batch: { ...parts.config.batch, gradAccumSteps: 1 } };
  const training = { method: parts.method, config, averager: parts.averager };
  const measure = async () => {
    for (const snapshot of snapshots) {
      if (!meter.anyLeft(snapshot) || signal?.aborted) continue;
      const { path, step } = snapshot;
      if (path) await restoreRun(parts, { path, step });
      const measured = measureSnapshot(
        {
          ...context,
          training,
          clock: parts.plan.contextAt(snapshot.step),
          moment: `${Math.round(snapshot.share * 100)} % of the run (step ${snapshot.step})`,
          samples,
          others,
          ...(settings.adam && { adam: adamStateOf(parts) }),
          ...(signal && { signal }),
          onBatch: (candidate) =>
            onEvent({ type: 'batch', share: snapshot.share, candidate, ...meter.batch(candidate) }),
        },
        (kind, candidate) => meter.isLeft(snapshot, { kind, ...candidate }),
      );
      for await (const result of measured) keep(result, { snapshot, passLog, meter, onEvent });
    }
    return meter.left === 0;
  };
  return withCleanUp(measure, () =>
    runAll([
      () => passLog.add({ kind: 'spent', ...meter.lap() }),
      () => samples.dispose(),
      () => others.dispose(),
      () => disposeParts(parts),
    ]),
  );
}

function keep(
  { kind, candidate, moments }: Measured,
  {
    snapshot,
    passLog,
    meter,
    onEvent,
  }: { snapshot: Snapshot; passLog: PassLog; meter: Meter; onEvent: (event: AnalyzeEvent) => void },
): void {
  const { tokenDropout, patchSize } = candidate;
  const spent = meter.lap();
  meter.finish(snapshot, { kind, ...candidate });
  passLog.add({ kind, step: snapshot.step, tokenDropout, patchSize, moments, ...spent });
  onEvent({ type: 'pass', share: snapshot.share, candidate, kind, left: meter.left, seconds: spent.seconds });
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
    seed: hash32([config.seed, SEED_SALT, settings.seed]),
    keepBytes: VIEWS_SHARE * deviceMemory(device),
  });
}

import { existsSync } from 'node:fs';
import { loadConfig, type RunConfig } from '../config/index.ts';
import { loadTokenizer } from '../data/tokenizer/tokenizer.ts';
import { CoupletError } from '../errors.ts';
import type { Encoder } from '../evaluate/features.ts';
import { checkpointPath, runPaths } from '../io/checkpoint-files.ts';
import type { AnyModelSpec } from '../models/registry.ts';
import { refuseHugeModel } from '../models/size.ts';
import { alone } from '../ranks/index.ts';
import { createMethod, encoderOf } from './build.ts';
import { findCheckpoint } from './find-checkpoint.ts';
import { readBestStep } from './journal.ts';
import { loadWeights, type WeightOptions, type Weights } from './load-weights.ts';
import { prepareProcess } from './process.ts';
import { modelWith, resolveConfig } from './resolve.ts';
import { startFromWeights } from './weights.ts';

/** A trained model, ready for evaluations. `close()` frees it. */
export interface LoadedRun extends Encoder {
  config: RunConfig;
  /** With the tokenizer's vocabulary. */
  model: AnyModelSpec;
  checkpoint: string;
  step: number;
  weights: Weights;
  close(): void;
}

export interface LoadRunOptions extends WeightOptions {
  /** 'latest', 'best', the folder of a checkpoint, or 'start': the weights before the first step. Default 'latest'. */
  checkpoint?: string;
  /** `path=value` changes to the saved config, e.g. another data set or device. */
  set?: readonly string[];
}

/** Loads the model of a checkpoint. Throws a CoupletError when there is none, and as `loadWeights`. */
export async function loadRun(
  runDir: string,
  { checkpoint = 'latest', set = [], ...options }: LoadRunOptions = {},
): Promise<LoadedRun> {
  const paths = runPaths(runDir);
  if (!existsSync(paths.config))
    throw new CoupletError(
      `${runDir} is no run: it has no config.json. Give the folder that couplet train wrote, such as runs/NAME.`,
    );
  const resolved = resolveConfig(await loadConfig(paths.config, { set, saved: true }));
  const { config, contextLength, frame, freeze } = resolved;
  const place =
    checkpoint === 'start'
      ? { path: checkpoint, step: 0 }
      : await findCheckpoint(runDir, checkpoint === 'best' ? bestCheckpoint(runDir) : checkpoint, {
          flag: '--checkpoint',
        });
  if (!place)
    throw new CoupletError(
      `${runDir} has no checkpoint yet: train until the first one is saved (checkpoint.every).`,
    );
  if (checkpoint === 'start' && options.weights === 'ema')
    throw new CoupletError(
      "The weights before the first step ('start') have no averaged weights: take another checkpoint.",
    );
  const device = prepareProcess(config);
  const tokenizer =
    contextLength === undefined
      ? undefined
      : await loadTokenizer(config.data.tokenizer, {
          contextLength,
          ...(frame && { frame }),
          cachePath: paths.tokenizer,
        });
  const model = modelWith(resolved, tokenizer);
  if (device === 'cpu') refuseHugeModel(model, 1);
  const method = createMethod(config, { model, datasetSize: 1, device, ranks: alone });
  let weights: Weights = 'last';
  try {
    // The weights before the first step follow from the seed, or come from files.
    if (checkpoint === 'start' || options.blend !== undefined)
      await startFromWeights(config, { method, model });
    if (checkpoint !== 'start')
      weights = await loadWeights(method, place, { ...options, model, ...(freeze && { freeze }) });
  } catch (error) {
    method.dispose();
    throw error;
  }
  return {
    ...encoderOf(config, { method, device, model, ...(tokenizer && { tokenizer }) }),
    config,
    model,
    checkpoint: place.path,
    step: place.step,
    weights,
    close: () => method.dispose(),
  };
}

function bestCheckpoint(runDir: string): string {
  const step = readBestStep(runDir);
  if (step === undefined)
    throw new CoupletError(
      `${runDir} has no best checkpoint: set evaluate.every and evaluate.bestBy, or use --checkpoint latest.`,
    );
  return checkpointPath(runDir, step);
}

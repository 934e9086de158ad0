import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig, type RunConfig } from '../config/index.ts';
import { loadTokenizer } from '../data/tokenizer/tokenizer.ts';
import { CoupletError } from '../errors.ts';
import type { Encoder } from '../evaluate/features.ts';
import { loadTensorsInto } from '../io/checkpoint.ts';
import { checkpointPath, MODEL_FILE, runPaths } from '../io/checkpoint-files.ts';
import type { AnyModelSpec } from '../models/registry.ts';
import { refuseHugeModel } from '../models/size.ts';
import { alone } from '../ranks/index.ts';
import { createMethod, encoderOf } from './build.ts';
import { findCheckpoint } from './find-checkpoint.ts';
import { readBestStep } from './journal.ts';
import { prepareProcess } from './process.ts';
import { modelWith, resolveConfig } from './resolve.ts';

/** A trained model, ready for evaluations. `close()` frees it. */
export interface LoadedRun extends Encoder {
  config: RunConfig;
  /** With the tokenizer's vocabulary. */
  model: AnyModelSpec;
  checkpoint: string;
  step: number;
  close(): void;
}

/**
 * Loads the model of a checkpoint: 'latest', 'best', a folder, or 'start' for the weights before the first step.
 * Throws a CoupletError when there is none.
 */
export async function loadRun(
  runDir: string,
  { checkpoint = 'latest', set = [] }: { checkpoint?: string; set?: readonly string[] } = {},
): Promise<LoadedRun> {
  const paths = runPaths(runDir);
  if (!existsSync(paths.config))
    throw new CoupletError(
      `${runDir} is no run: it has no config.json. Give the folder that couplet train wrote, such as runs/NAME.`,
    );
  const resolved = resolveConfig(await loadConfig(paths.config, { set, saved: true }));
  const { config, contextLength } = resolved;
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
  const device = prepareProcess(config);
  const tokenizer =
    contextLength === undefined
      ? undefined
      : await loadTokenizer(config.data.tokenizer, { contextLength, cachePath: paths.tokenizer });
  const model = modelWith(resolved, tokenizer);
  if (device === 'cpu') refuseHugeModel(model, 1);
  const method = createMethod(config, { model, datasetSize: 1, device, ranks: alone });
  try {
    // The weights before the first step follow from the seed.
    if (checkpoint !== 'start') await loadTensorsInto(join(place.path, MODEL_FILE), method.model);
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

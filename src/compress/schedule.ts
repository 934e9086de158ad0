import { CoupletError } from '../errors.ts';
import { readJsonFile } from '../io/json-file.ts';
import { type Compression, checkCompression } from './compression.ts';
import {
  type CompressionConfig,
  type CompressionStage,
  type ScheduleFile,
  scheduleFileSchema,
} from './schema.ts';

export interface ScheduleContext {
  imageSize: number;
  patchSize: number;
}

/**
 * Compression by progress. Throws a CoupletError when it does not fit the model, and for a missing, broken or other model's file.
 * @equation FastCL 3.1: compression (d, q) at progress s: constant within a stage
 */
export function compressionSchedule(
  config: CompressionConfig,
  context: ScheduleContext,
): (progress: number) => Compression {
  const list = compressionStages(config, context);
  // A sum of fractions may come out just below a stage's beginning.
  return (progress) => {
    const { tokenDropout, patchSize } = list.findLast(({ from }) => progress >= from - 1e-9) ?? list[0];
    return { tokenDropout, patchSize };
  };
}

/**
 * With defaults; a constant compression is one stage. Throws as compressionSchedule().
 * @equation FastCL 3.1: compression (d, q) at progress s: constant within a stage
 */
export function compressionStages(
  config: CompressionConfig,
  context: ScheduleContext,
): Required<CompressionStage>[] {
  const { imageSize, patchSize: ownPatchSize } = context;
  const { list, nameOf } = stagesOf(config, context);
  return list.map(({ from, tokenDropout, patchSize = ownPatchSize }, i) => {
    checkCompression({ tokenDropout, patchSize }, { imageSize, ownPatchSize, name: nameOf(i) });
    return { from, tokenDropout, patchSize };
  });
}

interface NamedStages {
  list: CompressionStage[];
  nameOf: (index: number) => string;
}

function stagesOf(config: CompressionConfig, context: ScheduleContext): NamedStages {
  if (config.file !== undefined) {
    const { file } = config;
    return { list: readScheduleFile(file, context).stages, nameOf: (i) => `${file}: stages.${i}` };
  }
  if (config.stages) return { list: config.stages, nameOf: (i) => `compression.stages.${i}` };
  const { tokenDropout = 0, patchSize } = config;
  return { list: [{ from: 0, tokenDropout, patchSize }], nameOf: () => 'compression' };
}

const EXPECTED =
  'compression.file: expected a schedule.json, { version: 1, imageSize, patchSize, stages: [{ from: 0, tokenDropout, patchSize }, ...] }, by its path from the folder where the command runs.';

/** Throws a CoupletError when the file is no schedule.json, or is for another image size or patch. */
export function readScheduleFile(path: string, context: ScheduleContext): ScheduleFile {
  const file = readJsonFile(path, scheduleFileSchema, EXPECTED);
  const { imageSize, patchSize } = file;
  if (imageSize !== context.imageSize || patchSize !== context.patchSize)
    throw new CoupletError(
      `${path} was made for images of ${imageSize} pixels and patches of ${patchSize}, but the model has ${context.imageSize} and ${context.patchSize}: ` +
        'make a schedule with this model, or write its stages into compression.stages yourself.',
    );
  return file;
}

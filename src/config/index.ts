/**
 * The configuration of a run: one file per run, plain data, complete and checked before the first step.
 *
 * ```ts
 * import { defineConfig } from 'couplet';
 * export default defineConfig({
 *   model: 'ViT-B-16',
 *   method: { name: 'fastclip' },
 *   data: { train: { type: 'webdataset', path: 'shards/{00000..01243}.tar' } },
 *   batch: { globalBatchSize: 1024 },
 *   duration: { epochs: 30 },
 * });
 * ```
 *
 * `schema.ts` is the list of all fields, `duration.ts` their unit of time, `load.ts` the way from a file to a checked config,
 * `problems.ts` the sentences about what is wrong. Only this file knows which methods there are.
 */
import type { z } from 'zod';
import { methods } from '../methods/index.ts';
import { type LoadOptions, loadConfig as load, parseConfig as parse } from './load.ts';
import { type RunConfigSchema, runConfigSchema as schemaWith } from './schema.ts';

export { type Duration, durationToSteps, type PartDuration } from './duration.ts';
export { migrateConfig } from './migrate.ts';
export type { ModelSpec } from './model-spec.ts';

/** The schema of a run of this package's methods. */
export const runConfigSchema: RunConfigSchema<typeof methods> = schemaWith(methods);

/** A run as a person writes it: what has a default may be left out. */
export type RunConfigInput = Omit<z.input<typeof runConfigSchema>, 'name'> & { name?: string };
/** A run with all defaults filled in, as it is saved in the run's folder. */
export type RunConfig = z.output<typeof runConfigSchema>;

/** Names the type of a config, for the editor; returns it as it is. */
export function defineConfig(config: RunConfigInput): RunConfigInput {
  return config;
}

/** Checks a config and fills in its defaults. Throws one CoupletError that lists all problems. */
export function parseConfig(config: RunConfigInput): RunConfig {
  return parse({ name: 'run', ...config }, { methods });
}

/**
 * Loads a config file, applies `set` (`path=value`), checks it and fills in the defaults.
 * Throws a CoupletError that names the file and lists all problems.
 */
export function loadConfig(
  path: string,
  options: Omit<LoadOptions<typeof methods>, 'methods'> = {},
): Promise<RunConfig> {
  return load(path, { ...options, methods });
}

/**
 * The configuration of a run: one file, plain data, checked before the first step.
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
 * `schema.ts` lists all fields, `load.ts` reads a file, `problems.ts` writes the errors. Only this file imports the methods.
 */
import type { z } from 'zod';
import { methods } from '../methods/index.ts';
import { type LoadOptions, loadConfig as load, parseConfig as parse } from './load.ts';
import { type RunConfigSchema, runConfigSchema as schemaWith } from './schema.ts';

export { type Duration, durationToSteps, type PartDuration } from './duration.ts';
export { migrateConfig } from './migrate.ts';
export type { ModelSpec } from './model-spec.ts';

export const runConfigSchema: RunConfigSchema<typeof methods> = schemaWith(methods);

/** Fields with a default may be absent. */
export type RunConfigInput = Omit<z.input<typeof runConfigSchema>, 'name'> & { name?: string };
/** With all defaults filled in, as in a run's config.json. */
export type RunConfig = z.output<typeof runConfigSchema>;

/** Gives the editor the type of a config. */
export function defineConfig(config: RunConfigInput): RunConfigInput {
  return config;
}

/** Fills in the defaults. Throws one CoupletError that lists all problems. */
export function parseConfig(config: RunConfigInput): RunConfig {
  return parse({ name: 'run', ...config }, { methods });
}

/** Reads a config file and applies `set` (`path=value`). Throws one CoupletError that lists all problems. */
export function loadConfig(
  path: string,
  options: Omit<LoadOptions<typeof methods>, 'methods'> = {},
): Promise<RunConfig> {
  return load(path, { ...options, methods });
}

import { existsSync } from 'node:fs';
import { basename, extname, resolve } from 'node:path';
import { createJiti } from 'jiti';
import { z } from 'zod';
import { CoupletError } from '../errors.ts';
import { readJsonFile } from '../io/json-file.ts';
import { explain } from '../io/schema-problems.ts';
import { withMethodDefaults } from './defaults.ts';
import type { MethodRegistry } from './methods.ts';
import { migrateConfig, RENAMED } from './migrate.ts';
import { assertPlainData } from './plain.ts';
import { type RunConfigSchema, runConfigSchema } from './schema.ts';
import { applySets } from './set.ts';
import { withWeights } from './weights.ts';

export interface LoadOptions<Registry extends MethodRegistry> {
  methods: Registry;
  /** `path=value`, applied in order. */
  set?: readonly string[];
  /** Replaces the config's name. */
  name?: string | undefined;
  /** Renames the old keys of a run's config.json. */
  saved?: boolean;
  /** Module that configs import as 'couplet'; default this package. */
  couplet?: () => Promise<Record<string, unknown>>;
}

/** Fills in the defaults. Throws one CoupletError that lists all problems. */
export function parseConfig<Registry extends MethodRegistry>(
  config: unknown,
  { methods, origin = 'the config' }: { methods: Registry; origin?: string },
): z.output<RunConfigSchema<Registry>> {
  const schema = runConfigSchema(methods);
  const result = schema.safeParse(withMethodDefaults(withWeights(config, methods), methods));
  if (result.success) return result.data;
  const problems = explain(result.error.issues, { schema, config, renamed: RENAMED });
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  throw new CoupletError(`${origin} has ${count}:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
}

/**
 * Reads a `.ts`, `.js`, `.mjs` or `.json` file. The result is plain data: saved as JSON and loaded again it is the same.
 * Relative paths in it are relative to the working directory. Throws a CoupletError.
 */
export async function loadConfig<Registry extends MethodRegistry>(
  path: string,
  { methods, set = [], name, saved = false, couplet }: LoadOptions<Registry>,
): Promise<z.output<RunConfigSchema<Registry>>> {
  const loaded = await readConfig(resolve(path), couplet);
  assertPlainData(loaded);
  if (typeof loaded !== 'object' || loaded === null || Array.isArray(loaded)) {
    throw new CoupletError(`${path}: expected its default export to be a config, an object.`);
  }
  const plain = saved ? migrateConfig(loaded) : structuredClone(loaded);
  const config: Record<string, unknown> = { name: nameOf(path), ...plain };
  const schema = runConfigSchema(methods);
  applySets(set, { schema, config, renamed: RENAMED });
  if (name !== undefined) config.name = name;
  return parseConfig(config, { methods, origin: path });
}

/** `configs/clip tiny.ts` names a run `clip-tiny`. */
function nameOf(path: string): string {
  return basename(path, extname(path)).replace(/[^A-Za-z0-9._-]+/g, '-');
}

async function readConfig(path: string, couplet = ownPackage): Promise<unknown> {
  if (!existsSync(path))
    throw new CoupletError(`There is no config at ${path}: expected a .ts, .js or .json file.`);
  const kind = extname(path);
  if (kind === '.json') return readJsonFile(path, z.unknown()); // parseConfig checks it
  if (!['.ts', '.mts', '.js', '.mjs'].includes(kind)) {
    throw new CoupletError(
      `${path}: expected a .ts, .js or .json file, got ${kind || 'a name without an ending'}.`,
    );
  }
  // A second copy of couplet would load libtorch again.
  const jiti = createJiti(import.meta.url, {
    fsCache: false,
    moduleCache: false,
    interopDefault: false,
    virtualModules: { couplet: await couplet() },
  });
  const module = await jiti.import<Record<string, unknown>>(path).catch((error: unknown) => {
    if (error instanceof CoupletError) throw error;
    const { message } = error as Error;
    throw new CoupletError(`${path} could not be loaded: ${message}`, { cause: error });
  });
  if (module.default !== undefined) return module.default;
  throw new CoupletError(`${path} has no default export: expected \`export default defineConfig({ ... })\`.`);
}

/** By a computed path, so that this room does not depend on the root. */
async function ownPackage(): Promise<Record<string, unknown>> {
  const index = new URL(import.meta.url.endsWith('.ts') ? '../index.ts' : '../index.js', import.meta.url);
  return import(index.href);
}

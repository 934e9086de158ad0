import { valueAt } from '../io/key-path.ts';

/** Old path -> new path. */
export const RENAMED: ReadonlyMap<string, string> = new Map([
  ['compression.online.budget', 'compression.online.gradientCompute'],
]);

/** Path of a newer key -> what runs did before it. */
const ADDED: ReadonlyMap<string, unknown> = new Map([['optimizer.decayPositions', true]]);

type Plain = Record<string, unknown>;

/** A copy with the new keys, for a run's config.json. In a config that a person writes, an old key is an error. */
export function migrateConfig<Config>(saved: Config): Config {
  const config = structuredClone(saved);
  for (const [before, now] of RENAMED) {
    const [oldPath, newPath] = [before.split('.'), now.split('.')];
    const [oldKey, newKey] = [oldPath.pop()!, newPath.pop()!];
    const [from, to] = [valueAt(config, oldPath), valueAt(config, newPath)];
    if (!isPlain(from) || !isPlain(to) || !Object.hasOwn(from, oldKey)) continue;
    to[newKey] = from[oldKey];
    delete from[oldKey];
  }
  for (const [added, value] of ADDED) {
    const path = added.split('.');
    const key = path.pop()!;
    const parent = valueAt(config, path);
    if (isPlain(parent) && !Object.hasOwn(parent, key)) parent[key] = value;
  }
  return config;
}

const isPlain = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

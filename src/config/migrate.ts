// Config keys that had another name before version 0.1.
import { valueAt } from './path.ts';

/** Path of an old key -> path of today's key. */
export const RENAMED: ReadonlyMap<string, string> = new Map([
  ['compression.online.budget', 'compression.online.gradientCompute'],
]);

type Plain = Record<string, unknown>;

/** A run's saved config.json under today's keys; `saved` itself stays. A person's own config is refused instead, with today's key. */
export function migrateConfig<Config>(saved: Config): Config {
  const config = structuredClone(saved);
  for (const [before, now] of RENAMED) {
    const [oldPath, newPath] = [before.split('.'), now.split('.')];
    const [oldKey, newKey] = [oldPath.pop()!, newPath.pop()!];
    const from = valueAt(config, oldPath) as Plain | undefined;
    const to = valueAt(config, newPath) as Plain | undefined;
    if (!from || !to || !Object.hasOwn(from, oldKey)) continue;
    to[newKey] = from[oldKey];
    delete from[oldKey];
  }
  return config;
}

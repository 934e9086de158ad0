import type { MethodRegistry } from './methods.ts';

type Plain = Record<string, unknown>;

const isPlain = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A length is one value: a config's `{ steps }` replaces a default's `{ epochs }`. */
const UNITS = new Set(['steps', 'epochs', 'samples', 'share', 'forwards', 'seconds']);
const isLength = (value: Plain) => Object.keys(value).every((key) => UNITS.has(key));

function withDefaults(config: unknown, defaults: unknown): unknown {
  if (config === undefined) return defaults;
  if (!isPlain(config) || !isPlain(defaults) || isLength(config)) return config;
  // Options of one update rule mean nothing to another.
  if (config.name !== undefined && defaults.name !== undefined && config.name !== defaults.name)
    return config;
  const keys = new Set([...Object.keys(config), ...Object.keys(defaults)]);
  return Object.fromEntries([...keys].map((key) => [key, withDefaults(config[key], defaults[key])]));
}

/** Fills in the defaults of the config's method; the result is not checked. */
export function withMethodDefaults(config: unknown, methods: MethodRegistry): unknown {
  if (!isPlain(config) || !isPlain(config.method)) return config;
  const defaults = methods[config.method.name as string]?.defaults;
  return defaults ? withDefaults(config, defaults) : config;
}

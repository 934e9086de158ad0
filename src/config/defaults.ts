// A method's own defaults, under what a person writes.
import type { MethodRegistry } from './methods.ts';

type Plain = Record<string, unknown>;

const isPlain = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A length in one unit is one value: a person's `{ steps }` takes the place of a default's `{ epochs }`. */
const UNITS = new Set(['steps', 'epochs', 'samples', 'share', 'forwards', 'seconds']);
const isLength = (value: Plain) => Object.keys(value).every((key) => UNITS.has(key));

function under(given: unknown, defaults: unknown): unknown {
  if (given === undefined) return defaults;
  if (!isPlain(given) || !isPlain(defaults) || isLength(given)) return given;
  // The settings of one kind (an update rule, say) mean nothing to another. A run has a name too, but no kind.
  if (given.name !== undefined && defaults.name !== undefined && given.name !== defaults.name) return given;
  const keys = new Set([...Object.keys(given), ...Object.keys(defaults)]);
  return Object.fromEntries([...keys].map((key) => [key, under(given[key], defaults[key])]));
}

/** The config with the defaults of its method filled in, where that has any; not checked yet. */
export function withMethodDefaults(config: unknown, methods: MethodRegistry): unknown {
  if (!isPlain(config) || !isPlain(config.method)) return config;
  const defaults = methods[config.method.name as string]?.defaults;
  return defaults ? under(config, defaults) : config;
}

import { CoupletError } from '../errors.ts';
import { parseJson } from '../io/json-file.ts';
import { valueAt } from '../io/key-path.ts';
import { type Checked, show, unknownKey } from '../io/schema-problems.ts';
import { isOneKeyEach, keysAt, objectsAt } from '../io/schema-shape.ts';

type Path = string[];

/** `a.b.c=value`: the value is JSON, else text. */
function parseSet(text: string): { path: Path; value: unknown } {
  const equals = text.indexOf('=');
  const path = text.slice(0, Math.max(equals, 0)).trim().split('.');
  if (equals < 1 || path.some((key) => key === '')) {
    throw new CoupletError(`--set ${text}: expected path=value, such as --set optimizer.peakLr=1e-3.`);
  }
  const raw = text.slice(equals + 1);
  try {
    return { path, value: parseJson(raw, { where: text, todo: '' }) };
  } catch {
    return { path, value: raw };
  }
}

function refuse(text: string, why: string): never {
  throw new CoupletError(`--set ${text}: ${why}${why.endsWith('?') ? '' : '.'}`);
}

/** Why `path` cannot be set, or undefined. */
function obstacle(path: Path, checked: Checked): string | undefined {
  const { schema, config } = checked;
  for (let depth = 1; depth <= path.length; depth++) {
    const parent = path.slice(0, depth - 1);
    const key = path[depth - 1]!;
    const value = valueAt(config, parent);
    const where = parent.join('.');
    if (Array.isArray(value)) {
      if (/^\d+$/.test(key) && Number(key) < value.length) continue;
      return `${where} has ${value.length} items, numbered from 0, but no ${key}`;
    }
    if (value !== undefined && (typeof value !== 'object' || value === null)) {
      return `${where} is ${show(value)}, which has no parts; set it as a whole, ${where}='{...}'`;
    }
    if (!keysAt(schema, parent, config).includes(key)) {
      return unknownKey(path.slice(0, depth), checked).text;
    }
  }
  return undefined;
}

function assign(config: Record<string, unknown>, path: Path, value: unknown): void {
  const [key, ...rest] = path as [string, ...string[]];
  if (rest.length === 0) {
    config[key] = value;
    return;
  }
  config[key] ??= {};
  assign(config[key] as Record<string, unknown>, rest, value);
}

/** Changes `config`. Another unit of a duration replaces it: `duration.epochs=3` replaces `{ steps: 100 }`. */
function applySet(text: string, checked: Checked & { config: Record<string, unknown> }): void {
  const { path, value } = parseSet(text);
  const why = obstacle(path, checked);
  if (why !== undefined) refuse(text, why);
  const parent = path.slice(0, -1);
  const isDuration = isOneKeyEach(objectsAt(checked.schema, parent, checked.config));
  if (parent.length > 0 && isDuration) assign(checked.config, parent, {});
  assign(checked.config, path, value);
}

/** Changes `config`. Throws one CoupletError for all values that cannot be set. */
export function applySets(
  texts: readonly string[],
  checked: Checked & { config: Record<string, unknown> },
): void {
  const refused = texts.flatMap((text) => {
    try {
      applySet(text, checked);
      return [];
    } catch (error) {
      if (error instanceof CoupletError) return [error.message];
      throw error;
    }
  });
  if (refused.length > 0) throw new CoupletError(refused.join('\n'));
}

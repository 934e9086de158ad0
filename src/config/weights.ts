import { resolve } from 'node:path';
import { CoupletError } from '../errors.ts';
import { type AnyModelSpec, hasTexts } from '../models/registry.ts';
import { type FoundWeights, findWeights } from '../weights/find.ts';
import type { MethodRegistry } from './methods.ts';

type Plain = Record<string, unknown>;

const isPlain = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What a config may change beside `from`. */
const CHANGES = {
  image: ['imageSize', 'patchSize', 'pool', 'projection', 'head', 'type'],
  text: ['contextLength', 'head'],
} as const;

/**
 * A config whose `model.from`, or a tower's, is replaced by the sizes in these files, and whose pixels and tokenizer are theirs unless it
 * gives its own. A saved config has all sizes already. Throws a CoupletError for weights that cannot be read or do not fit.
 */
export function withWeights(config: unknown, methods: MethodRegistry): unknown {
  if (!isPlain(config) || !isPlain(config.model)) return config;
  const { model } = config;
  const needsTexts = methods[(config.method as Plain | undefined)?.name as string]?.needs?.tokens ?? true;
  const whole =
    typeof model.from === 'string' && !isWhole(model.image)
      ? findWeights(model.from, headsIn(model.image))
      : undefined;
  const image = whole ?? towerOf(model.image, 'image');
  const text = whole ?? towerOf(model.text, 'text');
  if (!image && !text) return config;
  const spec = {
    ...model,
    ...(whole && { from: resolve(whole.path) }),
    ...(image && { image: sized('image', image, model.image) }),
    ...(needsTexts ? textsOf(model, { whole, text }) : withoutTexts(model)),
  };
  return withDefaults({ ...config, model: spec }, { image, text: needsTexts ? text : undefined });
}

/** A saved config's tower. */
const isWhole = (tower: unknown) => isPlain(tower) && tower.width !== undefined && tower.layers !== undefined;

/** Files that say their heads themselves are compared with them. */
const headsIn = (tower: unknown) =>
  isPlain(tower) && typeof tower.heads === 'number' ? { heads: tower.heads } : {};

function towerOf(tower: unknown, key: 'image' | 'text'): FoundWeights | undefined {
  if (!isPlain(tower) || typeof tower.from !== 'string' || isWhole(tower)) return undefined;
  const found = findWeights(tower.from, key === 'image' ? headsIn(tower) : {});
  if (key === 'image' || hasTexts(found.model)) return found;
  throw new CoupletError(`model.text.from: ${tower.from} has no text tower: it is ${found.title}.`);
}

function textsOf(
  model: Plain,
  { whole, text }: { whole?: FoundWeights | undefined; text?: FoundWeights | undefined },
): Plain {
  if (whole && !hasTexts(whole.model)) return model; // text tower and embedDim are the config's own
  return {
    ...(whole && { embedDim: (whole.model as AnyModelSpec & { embedDim: number }).embedDim }),
    ...(text && { text: sized('text', text, model.text) }),
  };
}

const withoutTexts = (_: Plain): Plain => ({ text: undefined, embedDim: undefined });

/** The file's sizes, with the changes that a config may make. Throws a CoupletError for another. */
function sized(key: 'image' | 'text', { model, path }: FoundWeights, given: unknown): Plain {
  const stored = (key === 'image' ? model.image : (model as { text: object }).text) as unknown as Plain;
  const changes = isPlain(given) ? given : {};
  const { from, ...rest } = changes;
  for (const [name, value] of Object.entries(rest)) {
    if ((CHANGES[key] as readonly string[]).includes(name) || value === stored[name]) continue;
    throw new CoupletError(
      `model.${key}.${name} is ${JSON.stringify(value)}, but the weights in ${path} ${stored[name] === undefined ? 'have none' : `have ${JSON.stringify(stored[name])}`}. Beside from, a config may change ${CHANGES[key].filter((name) => name !== 'type').join(', ')}.`,
    );
  }
  const length = (stored.contextLength ?? Infinity) as number;
  if (key === 'text' && typeof rest.contextLength === 'number' && rest.contextLength > length)
    throw new CoupletError(
      `model.text.contextLength is ${rest.contextLength}, but the weights in ${path} have positions for ${length} tokens: give at most as many.`,
    );
  return { ...stored, ...rest, ...(typeof from === 'string' && { from: resolve(from) }) };
}

function withDefaults(
  config: Plain,
  { image, text }: { image: FoundWeights | undefined; text: FoundWeights | undefined },
): Plain {
  const data = isPlain(config.data) ? config.data : {};
  return {
    ...config,
    data: {
      ...(image?.pixels ?? {}),
      ...(text?.tokenizer !== undefined && hasTexts(text.model) && { tokenizer: text.tokenizer }),
      ...data,
    },
  };
}

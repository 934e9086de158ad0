import { z } from 'zod';
import { valueAt } from './path.ts';

/** The schemas that a value may follow, with defaults, optionals and unions opened. */
function alternatives(schema: z.core.$ZodType): z.core.$ZodType[] {
  const { def } = schema._zod as unknown as { def: Record<string, z.core.$ZodType & z.core.$ZodType[]> };
  if (schema instanceof z.ZodUnion) return def.options!.flatMap(alternatives);
  if (schema instanceof z.ZodPipe) return alternatives(def.in!);
  const inner = def.innerType;
  return inner ? alternatives(inner) : [schema];
}

/**
 * The alternatives that `value` does not contradict by a literal, as `type: 'folder'` does `type: 'csv'`; where it has none,
 * the alternative whose literal is the default.
 */
function compatible(objects: z.ZodObject[], value: unknown): z.ZodObject[] {
  const fits = objects.filter((object) =>
    Object.entries(object.shape).every(([key, field]) => {
      const [only] = alternatives(field);
      return !(only instanceof z.ZodLiteral) || z.safeParse(field, valueAt(value, [key])).success;
    }),
  );
  return fits.length > 0 ? fits : objects;
}

/**
 * The object schemas that may stand at `path` in a config that holds `config`; empty where no object may be.
 * What is already chosen there (a method's name, a source's type) leaves out what belongs to other choices.
 */
export function objectsAt(
  root: z.core.$ZodType,
  path: readonly PropertyKey[],
  config: unknown,
): z.ZodObject[] {
  let here = alternatives(root);
  for (const [depth, key] of path.entries()) {
    const objects = compatible(here.filter(isObject), valueAt(config, path.slice(0, depth)));
    const fields = objects.map((object) => object.shape[String(key)] as z.core.$ZodType | undefined);
    const items = /^\d+$/.test(String(key)) ? here.filter((schema) => schema instanceof z.ZodArray) : [];
    here = [...fields, ...items.map((array) => array.element)].flatMap((schema) =>
      schema ? alternatives(schema) : [],
    );
  }
  return compatible(here.filter(isObject), valueAt(config, path));
}

const isObject = (schema: z.core.$ZodType): schema is z.ZodObject => schema instanceof z.ZodObject;

/** The keys that may stand at `path`. */
export function keysAt(root: z.core.$ZodType, path: readonly PropertyKey[], config: unknown): string[] {
  return [...new Set(objectsAt(root, path, config).flatMap((object) => Object.keys(object.shape)))];
}

/** The schema of the value at `path`, for its description; undefined where the path is not known. */
export function fieldAt(root: z.core.$ZodType, path: readonly PropertyKey[], config: unknown) {
  const key = String(path.at(-1));
  return objectsAt(root, path.slice(0, -1), config).find((object) => Object.hasOwn(object.shape, key))?.shape[
    key
  ];
}

/** Every path of object keys in the schema; under an array the first item stands for all. */
export function allPaths(schema: z.core.$ZodType, prefix: readonly PropertyKey[] = []): PropertyKey[][] {
  return alternatives(schema)
    .filter(isObject)
    .flatMap((option) => {
      return Object.entries(option.shape).flatMap(([key, field]) => {
        const path = [...prefix, key];
        return [path, ...allPaths(field as z.core.$ZodType, path)];
      });
    });
}

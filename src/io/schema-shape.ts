// Walks the JSON Schema that zod writes.
import { z } from 'zod';
import { valueAt } from './key-path.ts';

export interface SchemaNode {
  type?: string;
  const?: unknown;
  enum?: unknown[];
  anyOf?: SchemaNode[];
  oneOf?: SchemaNode[];
  properties?: Record<string, SchemaNode>;
  required?: string[];
  items?: SchemaNode | false;
  prefixItems?: SchemaNode[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  multipleOf?: number;
  default?: unknown;
  description?: string;
}
export type ObjectNode = SchemaNode & { properties: Record<string, SchemaNode> };
type Path = readonly PropertyKey[];

const jsonSchemas = new WeakMap<z.core.$ZodType, SchemaNode>();

/** Of a config as a person writes it, before defaults. */
export function schemaNode(schema: z.core.$ZodType): SchemaNode {
  const known = jsonSchemas.get(schema);
  if (known) return known;
  const node = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as SchemaNode;
  jsonSchemas.set(schema, node);
  return node;
}

export function alternatives(node: SchemaNode): SchemaNode[] {
  const options = node.anyOf ?? node.oneOf;
  return options ? options.flatMap(alternatives) : [node];
}

export const objectsOf = (node: SchemaNode): ObjectNode[] =>
  alternatives(node).filter((option): option is ObjectNode => option.properties !== undefined);

/** True of a duration: each unit is an object of one key. */
export const isOneKeyEach = (objects: readonly ObjectNode[]): boolean =>
  objects.length > 1 && objects.every(({ properties }) => Object.keys(properties).length === 1);

/** The objects whose constants fit `value`: `type: 'folder'` excludes `type: 'csv'`. An absent key stands for its default. */
function compatible(objects: ObjectNode[], value: unknown): ObjectNode[] {
  const fits = objects.filter(({ properties }) =>
    Object.entries(properties).every(([key, field]) => {
      const chosen = valueAt(value, [key]) ?? field.default;
      return field.const === undefined || field.const === chosen;
    }),
  );
  return fits.length > 0 ? fits : objects;
}

/** Objects that may be at `path`. A choice that `config` makes (a method's name, a source's type) excludes the others. */
export function objectsAt(root: z.core.$ZodType, path: Path, config: unknown): ObjectNode[] {
  let nodes: SchemaNode[] = [schemaNode(root)];
  for (const [depth, key] of path.entries()) {
    const objects = compatible(nodes.flatMap(objectsOf), valueAt(config, path.slice(0, depth)));
    const fields = objects.flatMap(({ properties }) =>
      Object.hasOwn(properties, key) ? [properties[String(key)]!] : [],
    );
    const items = /^\d+$/.test(String(key)) ? nodes.flatMap(alternatives).map((node) => node.items) : [];
    nodes = [...fields, ...items.filter((item) => typeof item === 'object')];
  }
  return compatible(nodes.flatMap(objectsOf), valueAt(config, path));
}

export function keysAt(root: z.core.$ZodType, path: Path, config: unknown): string[] {
  return [...new Set(objectsAt(root, path, config).flatMap(({ properties }) => Object.keys(properties)))];
}

/** Undefined for an unknown path. */
export function descriptionAt(root: z.core.$ZodType, path: Path, config: unknown): string | undefined {
  const key = String(path.at(-1));
  const objects = objectsAt(root, path.slice(0, -1), config);
  const fields = objects.flatMap(({ properties }) =>
    Object.hasOwn(properties, key) ? [properties[key]!] : [],
  );
  return fields[0]?.description;
}

/** Without list items. */
export function allPaths(schema: z.core.$ZodType): PropertyKey[][] {
  const pathsOf = (node: SchemaNode, prefix: Path): PropertyKey[][] =>
    objectsOf(node).flatMap(({ properties }) =>
      Object.entries(properties).flatMap(([key, field]) => {
        const path = [...prefix, key];
        return [path, ...pathsOf(field, path)];
      }),
    );
  return pathsOf(schemaNode(schema), []);
}

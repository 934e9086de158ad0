import { z } from 'zod';

export interface MethodEntry {
  readonly name: string;
  readonly options: z.ZodObject;
  readonly needs?: { readonly tokens: boolean };
  /** Parts of a config that its runs start from. */
  readonly defaults?: object;
}

export type MethodRegistry = Record<string, MethodEntry>;

type Options<Schema extends z.ZodObject, Side> = Side extends 'input' ? z.input<Schema> : z.output<Schema>;

/** `{ name, ...options }` of one method. */
export type MethodConfig<Registry extends MethodRegistry, Side extends 'input' | 'output'> = {
  [Name in keyof Registry & string]: { name: Name } & Options<Registry[Name]['options'], Side>;
}[keyof Registry & string];

/** Picks the options by `name` and refuses all others. */
export function methodSchema<Registry extends MethodRegistry>(registry: Registry) {
  const alternatives = Object.entries(registry).map(([name, method]) => {
    const choice = { name: z.literal(name).describe('training method') };
    return z.strictObject({ ...choice, ...method.options.shape, ...choice });
  });
  const [first, ...rest] = alternatives;
  if (!first) throw new Error('no methods are registered');
  // zod cannot infer the types of a record's alternatives.
  return z.discriminatedUnion('name', [first, ...rest]) as unknown as z.ZodType<
    MethodConfig<Registry, 'output'>,
    MethodConfig<Registry, 'input'>
  >;
}

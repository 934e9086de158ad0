import { z } from 'zod';

/** What a config needs to know of a method: its name, and the schema of its options. */
export interface MethodEntry {
  readonly name: string;
  readonly options: z.ZodObject;
  /** Parts of a config that a run of it starts from. */
  readonly defaults?: object;
}

/** Methods by name. `src/methods/index.ts` exports the one of this package. */
export type MethodRegistry = Record<string, MethodEntry>;

type Options<Schema extends z.ZodObject, Side> = Side extends 'input' ? z.input<Schema> : z.output<Schema>;

/** The `method` part of a config: `{ name, ...options }` of one registered method. */
export type MethodConfig<Registry extends MethodRegistry, Side extends 'input' | 'output'> = {
  [Name in keyof Registry & string]: { name: Name } & Options<Registry[Name]['options'], Side>;
}[keyof Registry & string];

/** A schema that picks a method's options by `name` and refuses all others. */
export function methodSchema<Registry extends MethodRegistry>(registry: Registry) {
  const alternatives = Object.entries(registry).map(([name, method]) => {
    const choice = { name: z.literal(name).describe('training method') };
    return z.strictObject({ ...choice, ...method.options.shape, ...choice });
  });
  const [first, ...rest] = alternatives;
  if (!first) throw new Error('no methods are registered');
  // Built from a record, so zod cannot see the types; MethodConfig says what they are.
  return z.discriminatedUnion('name', [first, ...rest]) as unknown as z.ZodType<
    MethodConfig<Registry, 'output'>,
    MethodConfig<Registry, 'input'>
  >;
}

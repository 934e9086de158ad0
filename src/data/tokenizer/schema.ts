import { z } from 'zod';

type Named = z.ZodObject<{ type: z.ZodLiteral<string> }>;

/** Objects told apart by `type`; the error names the known types. */
export function namedUnion<const T extends readonly [Named, ...Named[]]>(members: T) {
  const names = members.map((member) => member.shape.type.value).join(', ');
  return z.discriminatedUnion('type', members, {
    error: ({ input }) =>
      `expected an object whose type is one of ${names}, got ${typeof input === 'object' && input !== null ? `type ${shown((input as { type?: unknown }).type)}` : shown(input)}`,
  });
}

/** A value in an error; what it holds is not looked at, since it may be nested deeply. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (value === undefined) return 'none';
  if (value !== null && typeof value === 'object') return 'an object';
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

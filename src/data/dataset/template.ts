import { z } from 'zod';

/** A text around a class name. */
export const templateSchema = z
  .string()
  .refine(
    (text) => text.includes('{}'),
    'a template holds {} where the class name goes: without it all classes have the same text',
  );

/** Takes a name as it is: `$` has no meaning in it. */
export const fillTemplate = (template: string, name: string): string => template.replaceAll('{}', () => name);

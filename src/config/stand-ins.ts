import { z } from 'zod';

// Until src/methods/index.ts exists: index.ts of this folder imports it from here.
const temperature = z.number().positive().default(0.07).describe('divides similarities');
export const methods = {
  clip: { name: 'clip' as const, options: z.strictObject({ temperature }) },
  fastclip: {
    name: 'fastclip' as const,
    options: z.strictObject({
      temperature,
      rho: z.number().default(6.5).describe('margin of the temperature loss'),
    }),
  },
};

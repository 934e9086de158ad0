// The parts of a config's `evaluate` that belong to classification by features. config/schema.ts takes them up.
import { z } from 'zod';
import { sourceSchema } from '../data/source.ts';

const sources = z.union([sourceSchema, z.array(sourceSchema).min(1)]);

/** `evaluate.neighbours`: how pictures are classified by their nearest neighbours among labelled ones. */
export const neighboursSchema = z.strictObject({
  data: sources.describe('labelled pictures that are held out'),
  train: sources.optional().describe('labelled pictures that neighbours come from; default data.train'),
  k: z.int().min(1).default(20).describe('neighbours that vote'),
  temperature: z
    .number()
    .positive()
    .default(0.07)
    .describe('a neighbour of cosine s votes with exp(s / temperature)'),
  samples: z
    .int()
    .min(2)
    .optional()
    .describe('of the pictures in train only so many, drawn by the seed, so that it is cheap; default all'),
});

export type NeighboursConfig = z.output<typeof neighboursSchema>;

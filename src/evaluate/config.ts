// What a config may evaluate. config/schema.ts adds how often.
import { z } from 'zod';
import { sourceSchema } from '../data/dataset/sources/index.ts';

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

/** The keys of a config's `evaluate`, but for `every`. */
export const evaluateShape = {
  zeroShot: z
    .strictObject({
      data: sources.describe('labelled pictures'),
      templates: z
        .array(z.string().min(1))
        .min(1)
        .optional()
        .describe("prompts around a class name, as 'a photo of a {}.'"),
    })
    .optional()
    .describe('classification by class names'),
  retrieval: z
    .strictObject({ data: sources.describe('pairs of picture and caption') })
    .optional()
    .describe('captions by pictures and pictures by captions'),
  neighbours: neighboursSchema.optional().describe('classification by the nearest labelled pictures'),
  bestBy: z.string().min(1).optional().describe('the metric whose highest value makes the best checkpoint'),
};

const evaluateSchema = z.strictObject(evaluateShape);

/** What is evaluated: data sets and options, with defaults filled in. */
export type EvaluateConfig = z.output<typeof evaluateSchema>;

import { z } from 'zod';
import { sourceSchema } from '../data/dataset/sources/index.ts';
import type { Encoder, ImageFeatures } from './features.ts';
import type { Sources } from './labelled.ts';
import type { Remarks } from './remarks.ts';

/** The other parts of the config that evaluations read. */
export interface EvaluatedRun {
  seed: number;
  method: { name: string };
  data: { train: Sources };
}

export interface EvaluationContext {
  encoder: Encoder;
  features: ImageFeatures;
  remarks: Remarks;
}

export interface EvaluatorDefinition<Name extends string, Options, Data extends { close(): void }, Report> {
  /** Key in a config's `evaluate`. */
  readonly name: Name;
  /** A strict object; it and its keys have descriptions. */
  readonly options: z.ZodObject & z.ZodType<Options>;
  readonly needsTexts: boolean;
  /** By name, without `eval/`. */
  readonly metrics: Readonly<Record<string, (report: Report) => number>>;
  /** The report on the terminal. */
  readonly lines: (report: Report) => string[];
  /** Once for the whole run. Throws a CoupletError for data that does not fit. */
  open(options: Options, run: EvaluatedRun | undefined): Promise<Data>;
  run(data: Data, context: EvaluationContext): Promise<Report>;
}

export function defineEvaluator<
  const Name extends string,
  Schema extends z.ZodObject,
  Data extends { close(): void },
  Report,
>(
  definition: Omit<EvaluatorDefinition<Name, z.output<Schema>, Data, Report>, 'options'> & {
    options: Schema;
  },
) {
  return definition;
}

/** Several sources are joined. */
export const sourcesSchema = z.union([sourceSchema, z.array(sourceSchema).min(1)]);

import { z } from 'zod';
import { sourceSchema } from '../data/dataset/sources/index.ts';
import type { Encoder, ImageFeatures } from './features.ts';
import type { Sources } from './labelled.ts';

/** The parts of a config that an evaluation reads besides its own. */
export interface EvaluatedRun {
  seed: number;
  method: { name: string };
  data: { train: Sources };
}

/** What an evaluation measures with; image features of a data set are shared by all evaluations. */
export interface EvaluationContext {
  encoder: Encoder;
  features: ImageFeatures;
}

/** One evaluation of a run: its key in a config's `evaluate`, its options, and how it is opened and run. */
export interface EvaluatorDefinition<Name extends string, Options, Data extends { close(): void }, Report> {
  readonly name: Name;
  /** A strict object with a description, as all of its keys have. */
  readonly options: z.ZodObject & z.ZodType<Options>;
  /** Whether it compares pictures with texts. */
  readonly needsTexts: boolean;
  /** The metrics of a report by name, without `eval/`. */
  readonly metrics: Readonly<Record<string, (report: Report) => number>>;
  /** Opens the data once for the whole run. Throws a CoupletError for data that does not fit. */
  open(options: Options, run: EvaluatedRun | undefined): Promise<Data>;
  /** `skipped`: samples that could not be read, those of `features` left out. */
  run(data: Data, context: EvaluationContext): Promise<{ report: Report; skipped?: number }>;
}

/** Names the types of a definition; returns it as it is. */
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

/** One source or several that are joined. */
export const sourcesSchema = z.union([sourceSchema, z.array(sourceSchema).min(1)]);

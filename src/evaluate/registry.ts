import { z } from 'zod';
import type { EvaluatorDefinition } from './evaluator.ts';
import { neighboursEvaluator } from './neighbours.ts';
import { retrievalEvaluator } from './retrieval.ts';
import { zeroShotEvaluator } from './zero-shot.ts';

/** Every evaluation that a config may name, in the order of their metrics. To add one: write its file, and put it here. */
export const evaluators = {
  zeroShot: zeroShotEvaluator,
  neighbours: neighboursEvaluator,
  retrieval: retrievalEvaluator,
};

type Evaluators = typeof evaluators;
export type EvaluatorName = keyof Evaluators;

/** The evaluations of a config: options, with defaults filled in. */
export type EvaluatorOptions = {
  [Name in EvaluatorName]?: z.output<Evaluators[Name]['options']> | undefined;
};

/** Opened data by evaluation. */
export type EvalData = {
  [Name in EvaluatorName]?: Awaited<ReturnType<Evaluators[Name]['open']>>;
};

/** Reports by evaluation. */
export type EvaluatorReports = {
  [Name in EvaluatorName]?: Awaited<ReturnType<Evaluators[Name]['run']>>['report'];
};

export interface EvaluateConfig extends EvaluatorOptions {
  bestBy?: string | undefined;
}

/** The definitions as a list: the types of options and data are known by name only. */
export const evaluatorList = Object.values(evaluators) as unknown as readonly EvaluatorDefinition<
  EvaluatorName,
  unknown,
  { close(): void },
  never
>[];

type Shape = { [Name in EvaluatorName]: z.ZodOptional<Evaluators[Name]['options']> };

/** The keys of a config's `evaluate`, but for `every`. */
export const evaluateShape = {
  ...(Object.fromEntries(
    evaluatorList.map(({ name, options }) => [name, options.optional()]),
  ) as unknown as Shape),
  bestBy: z.string().min(1).optional().describe('metric whose highest value makes the best checkpoint'),
};

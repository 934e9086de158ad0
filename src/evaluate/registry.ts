import { z } from 'zod';
import type { EvaluatorDefinition } from './evaluator.ts';
import { neighboursEvaluator } from './neighbours.ts';
import { retrievalEvaluator } from './retrieval.ts';
import { zeroShotEvaluator } from './zero-shot.ts';

/** In the order of their metrics. To add one: write its file, and put it here. */
export const evaluators = {
  zeroShot: zeroShotEvaluator,
  neighbours: neighboursEvaluator,
  retrieval: retrievalEvaluator,
};

type Evaluators = typeof evaluators;
export type EvaluatorName = keyof Evaluators;

export type EvaluatorOptions = {
  [Name in EvaluatorName]?: z.output<Evaluators[Name]['options']> | undefined;
};

export type EvalData = {
  [Name in EvaluatorName]?: Awaited<ReturnType<Evaluators[Name]['open']>>;
};

export type EvaluatorReports = {
  [Name in EvaluatorName]?: Awaited<ReturnType<Evaluators[Name]['run']>>;
};

export interface EvaluateConfig extends EvaluatorOptions {
  bestBy?: string | undefined;
}

/** The types of options and data are known by name only. */
export const evaluatorList = Object.values(evaluators) as unknown as readonly EvaluatorDefinition<
  EvaluatorName,
  unknown,
  { close(): void },
  never
>[];

type Shape = { [Name in EvaluatorName]: z.ZodOptional<Evaluators[Name]['options']> };

/** A config's `evaluate`, without `every`. */
export const evaluateShape = {
  ...(Object.fromEntries(
    evaluatorList.map(({ name, options }) => [name, options.optional()]),
  ) as unknown as Shape),
  bestBy: z.string().min(1).optional().describe('metric whose highest value marks the best checkpoint'),
};

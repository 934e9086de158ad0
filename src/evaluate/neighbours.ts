// Q queries, N reference rows, E embedding, C classes.
import { z } from 'zod';
import { CoupletError } from '../errors.ts';
import { noGrad, scope, type Tensor, zeros } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { type Accuracy, accuracy, accuracyMetrics } from './accuracy.ts';
import { defineEvaluator, sourcesSchema } from './evaluator.ts';
import { openPair, type Sources } from './labelled.ts';

export interface NeighboursOptions {
  /** Neighbours that vote; fewer where the reference has fewer rows. */
  k: number;
  /** Divides similarities before the exponential. */
  temperature: number;
}

export interface NeighboursReport extends NeighboursOptions, Accuracy {
  pictures: number;
  /** Pictures among which neighbours were looked for. */
  reference: number;
  classes: number;
}

/** Features with their classes. */
export interface LabelledRows {
  /** [N, E], rows of unit length. */
  features: Tensor;
  /** int64 [N], in [0, C). */
  labels: Tensor;
}

/** Numbers that the similarities of one part of the queries may fill: 128 MiB of float32. */
const PART = 2 ** 25;

/**
 * Weighted k-nearest-neighbour votes, [Q, C] (Wu et al. 2018, section 3.4; DINO's protocol): of the k rows with the highest
 * cosine s each gives its class exp(s / T). Votes are divided by exp(s_1 / T) of the nearest, which changes no order and
 * keeps them finite for small T. They are added up from the nearest on, so a device gives the same bits each time. Which
 * of the rows that tie for the last place votes is topk's choice; accuracy() says what becomes of classes that tie.
 */
export function neighbourVotes(
  queries: Tensor,
  reference: LabelledRows,
  { k, temperature, classes }: NeighboursOptions & { classes: number },
): Tensor {
  const [count, rows] = [queries.shape[0], reference.features.shape[0]];
  const device = queries.device;
  return noGrad(() =>
    scope(() => {
      const votes = zeros([count, classes], { device });
      const part = Math.max(1, Math.floor(PART / rows));
      for (let first = 0; first < count; first += part) {
        const size = Math.min(part, count - first);
        scope(() => {
          const similarities = queries.narrow(0, first, size).matmul(reference.features.t); // [part, N]
          const [nearest, indices] = ops.topk(similarities, Math.min(k, rows));
          const weights = nearest
            .sub(nearest.narrow(1, 0, 1))
            .div(temperature)
            .exp(); // [part, k]
          addVotes(votes.narrow(0, first, size), { weights, indices, labels: reference.labels });
        });
      }
      return votes;
    }),
  );
}

/** Adds each neighbour's weight to its class, one place after the other: within one place no two rows meet. */
function addVotes(
  votes: Tensor,
  { weights, indices, labels }: { weights: Tensor; indices: Tensor; labels: Tensor },
): void {
  const [rows, classes] = votes.shape;
  const starts = ops.arange_start_step(0, rows * classes, classes, 'int64', undefined, votes.device); // [rows]
  const flat = votes.view(-1);
  for (let place = 0; place < indices.shape[1]; place++) {
    const votesOfClass = labels.indexSelect(0, indices.select(1, place)).add(starts);
    ops.index_add_(flat, 0, votesOfClass, weights.select(1, place));
  }
}

/** Accuracy of weighted k-nearest-neighbour classification of held-out pictures by labelled ones. */
export function neighbours(
  queries: LabelledRows,
  reference: LabelledRows,
  options: NeighboursOptions & { classes: number },
): NeighboursReport {
  const { k, temperature, classes } = options;
  const result = scope(() => accuracy(neighbourVotes(queries.features, reference, options), queries.labels));
  const [pictures, rows] = [queries.features.shape[0], reference.features.shape[0]];
  return { pictures, reference: rows, classes, k: Math.min(k, rows), temperature, ...result };
}

export const neighboursEvaluator = defineEvaluator({
  name: 'neighbours',
  options: z
    .strictObject({
      data: sourcesSchema.describe('labelled pictures that are held out'),
      train: sourcesSchema
        .optional()
        .describe('labelled pictures that neighbours come from; default data.train'),
      k: z.int().min(1).default(20).describe('number of neighbours that vote'),
      temperature: z
        .number()
        .positive()
        .default(0.07)
        .describe('divisor of cosines: a neighbour of cosine s votes with exp(s / temperature)'),
      samples: z
        .int()
        .min(2)
        .optional()
        .describe('number of pictures of train, drawn by the seed, to save time; default all'),
    })
    .describe('classification by the nearest labelled pictures'),
  needsTexts: false,
  metrics: accuracyMetrics('knn'),

  async open({ data, train, k, temperature, samples }, run) {
    const sources: Sources | undefined = train ?? run?.data.train;
    if (!sources) throw new CoupletError('evaluate.neighbours.train is missing: give labelled pictures.');
    const pair = await openPair({
      train: {
        name: train ? 'evaluate.neighbours.train' : 'data.train (evaluate.neighbours.train is not given)',
        sources,
      },
      test: { name: 'evaluate.neighbours.data', sources: data },
      ...(samples !== undefined && { samples }),
      seed: run?.seed ?? 0,
    });
    return { pair, k, temperature, close: () => pair.close() };
  },

  async run({ pair: { train, test, classes }, k, temperature }, { features }) {
    const [reference, queries] = [await features.of(train), await features.of(test)];
    return { report: neighbours(queries, reference, { k, temperature, classes }) };
  },
});

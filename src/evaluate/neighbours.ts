// Q queries, N reference rows, E embedding, C classes.
import { z } from 'zod';
import { CoupletError } from '../errors.ts';
import { noGrad, scope, type Tensor, zeros } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { type Accuracy, accuracy, accuracyLine, accuracyMetrics } from './accuracy.ts';
import { defineEvaluator, sourcesSchema } from './evaluator.ts';
import { labelTensor, rowsNotFinite } from './features.ts';
import { openPair, type Sources } from './labelled.ts';

export interface NeighboursOptions {
  /** Number of neighbours that vote. */
  k: number;
  /** Divides cosines before the exponential. */
  temperature: number;
}

export interface NeighboursReport extends NeighboursOptions, Accuracy {
  pictures: number;
  /** Number of pictures that neighbours come from. */
  reference: number;
  classes: number;
}

export interface LabelledRows {
  /** [N, E], rows of unit length. */
  features: Tensor;
  /** int64 [N], in [0, C). */
  labels: Tensor;
}

/** Similarities in memory at once: 128 MiB. */
const MAX_SIMILARITIES = 2 ** 25;

/**
 * Weighted k-nearest-neighbour votes, [Q, C] (Wu et al. 2018, section 3.4; DINO's protocol): each of the k rows with the
 * highest cosine s gives its class exp(s / T). Dividing by exp(s_1 / T) of the nearest keeps votes finite for small T. They
 * are added in a fixed order, for the same bits each time. Which of several rows with the cosine of the k-th has a vote is left to
 * libtorch.
 * @equation FastCL 7.5: k-NN: each of the k nearest votes exp(s / T) for its class, T = 0.07
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
      const part = Math.max(1, Math.floor(MAX_SIMILARITIES / rows));
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

/** One place after the other: within a place no two rows add to the same vote. */
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

/** Rows whose features are finite; all where none is, so that every query is a miss. The scope owns them. */
export function finiteOnly({ features, labels }: LabelledRows): LabelledRows {
  const bad = new Set(rowsNotFinite(features));
  const count = features.shape[0];
  if (bad.size === 0 || bad.size === count) return { features, labels };
  const rows = Array.from({ length: count }, (_, row) => row).filter((row) => !bad.has(row));
  const indices = labelTensor(rows, features.device);
  return { features: features.indexSelect(0, indices), labels: labels.indexSelect(0, indices) };
}

/** Accuracy of the votes. Rows of `reference` that are not finite have no vote, and such queries are misses. */
export function neighbours(
  queries: LabelledRows,
  reference: LabelledRows,
  options: NeighboursOptions & { classes: number },
): NeighboursReport {
  const { k, temperature, classes } = options;
  return scope(() => {
    const usable = finiteOnly(reference);
    const votes = neighbourVotes(queries.features, usable, options);
    const [pictures, rows] = [queries.features.shape[0], usable.features.shape[0]];
    return {
      pictures,
      reference: rows,
      classes,
      k: Math.min(k, rows),
      temperature,
      ...accuracy(votes, queries.labels),
    };
  });
}

export const neighboursEvaluator = defineEvaluator({
  name: 'neighbours',
  options: z
    .strictObject({
      data: sourcesSchema.describe('held-out labelled pictures'),
      train: sourcesSchema.optional().describe('labelled pictures that vote; default data.train'),
      k: z.int().min(1).default(20).describe('number of neighbours'),
      temperature: z
        .number()
        .positive()
        .default(0.07)
        .describe('divisor of cosines: a neighbour votes with exp(cosine / temperature)'),
      samples: z.int().min(2).optional().describe('random pictures of train that vote; default all'),
    })
    .describe('classification by the nearest labelled pictures'),
  needsTexts: false,
  metrics: accuracyMetrics('knn'),
  lines: (report: NeighboursReport) => [
    accuracyLine('k-nn', report, `${report.k} of ${report.reference} neighbours`),
  ],

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

  async run({ pair, k, temperature }, { features, remarks }) {
    for (const note of pair.notes) remarks.note(note);
    const reference = await features.of(pair.train, pair.names.train);
    const queries = await features.of(pair.test, pair.names.test);
    return neighbours(queries, reference, { k, temperature, classes: pair.classes });
  },
});

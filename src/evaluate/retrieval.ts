// N pairs, E embedding.
import { z } from 'zod';
import { openDataset } from '../data/index.ts';
import { CoupletError } from '../errors.ts';
import { noGrad, scope, type Tensor } from '../torch/index.ts';
import { percent } from './accuracy.ts';
import { defineEvaluator, sourcesSchema } from './evaluator.ts';
import { encodeDataset } from './features.ts';

/** Shares of queries, in [0, 1], whose partner is among the best 1, 5, 10. */
export interface Recall {
  r1: number;
  r5: number;
  r10: number;
}

export interface RetrievalReport {
  pairs: number;
  imageToText: Recall;
  textToImage: Recall;
  /** Mean of the six. */
  meanRecall: number;
}

const QUERIES_PER_PART = 1024;

/**
 * The number of candidates that score higher than the query's partner, plus half of the ties: constant features get the rank
 * of chance. Row i of both is a pair.
 */
function ranks(queries: Tensor, candidates: Tensor): number[] {
  const count = queries.shape[0];
  const all: number[] = [];
  for (let start = 0; start < count; start += QUERIES_PER_PART) {
    const rows = Math.min(QUERIES_PER_PART, count - start);
    all.push(
      ...scope(() => {
        const scores = queries.narrow(0, start, rows).matmul(candidates.t); // [rows, N]
        const partner = scores.narrow(1, start, rows).diagonal().unsqueeze(1);
        const higher = scores.gt(partner).sum(1).to('float32');
        const ties = scores.eq(partner).sum(1).to('float32').sub(1).mul(0.5);
        return higher.add(ties).toNumbers();
      }),
    );
  }
  return all;
}

function recall(rankOfQuery: readonly number[]): Recall {
  const within = (k: number) => rankOfQuery.filter((rank) => rank < k).length / rankOfQuery.length;
  return { r1: within(1), r5: within(5), r10: within(10) };
}

/** Recall both ways; features [N, E], rows of unit length. */
export function retrieval(imageFeatures: Tensor, textFeatures: Tensor): RetrievalReport {
  return noGrad(() => {
    const imageToText = recall(ranks(imageFeatures, textFeatures));
    const textToImage = recall(ranks(textFeatures, imageFeatures));
    const six = [...Object.values(imageToText), ...Object.values(textToImage)];
    return {
      pairs: imageFeatures.shape[0],
      imageToText,
      textToImage,
      meanRecall: six.reduce((a, b) => a + b, 0) / 6,
    };
  });
}

const WAYS = { image_to_text: 'imageToText', text_to_image: 'textToImage' } as const;
const recallMetrics = Object.entries(WAYS).flatMap(([name, way]) =>
  (['r1', 'r5', 'r10'] as const).map((best) => [
    `${name}_${best}`,
    (report: RetrievalReport) => report[way][best],
  ]),
);

export const retrievalEvaluator = defineEvaluator({
  name: 'retrieval',
  options: z
    .strictObject({ data: sourcesSchema.describe('pictures with captions') })
    .describe('search of captions by pictures and of pictures by captions'),
  needsTexts: true,
  metrics: {
    ...(Object.fromEntries(recallMetrics) as Record<string, (report: RetrievalReport) => number>),
    mean_recall: ({ meanRecall }: RetrievalReport) => meanRecall,
  },
  lines: ({ pairs, ...recalls }: RetrievalReport) =>
    Object.entries(WAYS).map(([name, way]) => {
      const { r1, r5, r10 } = recalls[way];
      const title = name.replaceAll('_', ' ');
      return `${title}  R@1 ${percent(r1)}  R@5 ${percent(r5)}  R@10 ${percent(r10)}  (${pairs} pairs)`;
    }),

  async open({ data }) {
    const dataset = await openDataset([data].flat());
    if (dataset.hasCaptions) return { dataset, close: () => dataset.close() };
    dataset.close();
    throw new CoupletError(
      'evaluate.retrieval.data has no captions: expected a caption column or txt members.',
    );
  },

  async run({ dataset }, { encoder }) {
    const { images, texts, skipped } = await encodeDataset(dataset, encoder, { texts: true });
    try {
      return { report: noGrad(() => retrieval(images, texts!)), skipped };
    } finally {
      images.dispose();
      texts!.dispose();
    }
  },
});

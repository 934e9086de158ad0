// N pairs, E embedding.
import { z } from 'zod';
import { openDataset } from '../data/index.ts';
import { CoupletError } from '../errors.ts';
import { noGrad, scope, type Tensor } from '../torch/index.ts';
import { defineEvaluator, sourcesSchema } from './evaluator.ts';
import { encodeDataset } from './features.ts';

/** Shares of queries, in [0, 1], whose own partner is among the best 1, 5, 10. */
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

const CHUNK = 1024;

/**
 * For each query the number of candidates that score higher than its own partner, plus half of those that tie with it:
 * constant features get the rank of chance, not the first. Row i of both belongs together.
 */
function ranks(queries: Tensor, candidates: Tensor): number[] {
  const count = queries.shape[0];
  const all: number[] = [];
  for (let start = 0; start < count; start += CHUNK) {
    const rows = Math.min(CHUNK, count - start);
    all.push(
      ...scope(() => {
        const scores = queries.narrow(0, start, rows).matmul(candidates.t); // [rows, N]
        const own = scores.narrow(1, start, rows).diagonal().unsqueeze(1);
        const higher = scores.gt(own).sum(1).to('float32');
        const ties = scores.eq(own).sum(1).to('float32').sub(1).mul(0.5);
        return higher.add(ties).toNumbers();
      }),
    );
  }
  return all;
}

function recall(rankOf: readonly number[]): Recall {
  const within = (k: number) => rankOf.filter((rank) => rank < k).length / rankOf.length;
  return { r1: within(1), r5: within(5), r10: within(10) };
}

/** Recall both ways between N images and their N texts; features [N, E], rows of unit length. */
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
    .strictObject({ data: sourcesSchema.describe('pairs of picture and caption') })
    .describe('captions found by pictures, and pictures by captions'),
  needsTexts: true,
  metrics: {
    ...(Object.fromEntries(recallMetrics) as Record<string, (report: RetrievalReport) => number>),
    mean_recall: ({ meanRecall }: RetrievalReport) => meanRecall,
  },

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

// P pictures, M captions, Q queries, N candidates, E embedding.
import { z } from 'zod';
import { allCaptions, captionOf } from '../data/dataset/captions.ts';
import { ProblemLog } from '../data/dataset/problems.ts';
import { Reader } from '../data/dataset/reader.ts';
import { checkBadShare, type Dataset, openDataset } from '../data/index.ts';
import { CoupletError } from '../errors.ts';
import { isMachineFailure, systemFailure } from '../io/system-error.ts';
import { noGrad, scope, type Tensor } from '../torch/index.ts';
import { percent } from './accuracy.ts';
import { defineEvaluator, type EvaluationContext, sourcesSchema } from './evaluator.ts';
import {
  encodeDataset,
  encodeTexts,
  labelTensor,
  nameOf,
  remarkNotFinite,
  rowsNotFinite,
} from './features.ts';
import { partOf } from './part.ts';
import { type DistinctPictures, distinctPictures } from './pictures.ts';
import { type Recall, recall } from './recall.ts';

export interface RetrievalReport {
  /** Captions, each with its picture. */
  pairs: number;
  pictures: number;
  imageToText: Recall;
  textToImage: Recall;
  /** Mean of the six. */
  meanRecall: number;
}

/**
 * Recall both ways (Karpathy and Fei-Fei 2015, section 4.1): pictures [P, E] and captions [M, E] as rows of unit length. A picture is
 * one query, and a hit is any of its captions; a caption is one query, and a hit is its picture.
 * @param pictureOf row of each caption's picture; default the row of the caption
 */
export function retrieval(
  pictures: Tensor,
  captions: Tensor,
  pictureOf: ArrayLike<number> = Array.from({ length: captions.shape[0] }, (_, row) => row),
): RetrievalReport {
  const pictureRows = Array.from({ length: pictures.shape[0] }, (_, row) => row);
  const [ofPictures, ofCaptions] = [
    { features: pictures, groups: pictureRows },
    { features: captions, groups: pictureOf },
  ];
  const imageToText = recall(ofPictures, ofCaptions);
  const textToImage = recall(ofCaptions, ofPictures);
  const six = [...Object.values(imageToText), ...Object.values(textToImage)];
  return {
    pairs: captions.shape[0],
    pictures: pictures.shape[0],
    imageToText,
    textToImage,
    meanRecall: six.reduce((a, b) => a + b, 0) / 6,
  };
}

const WAYS = { image_to_text: 'imageToText', text_to_image: 'textToImage' } as const;
const recallMetrics = Object.entries(WAYS).flatMap(([name, way]) =>
  (['r1', 'r5', 'r10'] as const).map((best) => [
    `${name}_${best}`,
    (report: RetrievalReport) => report[way][best],
  ]),
);

const NAME = 'evaluate.retrieval.data';

export const retrievalEvaluator = defineEvaluator({
  name: 'retrieval',
  options: z
    .strictObject({
      data: sourcesSchema.describe('pictures with captions; equal pictures are one, with several captions'),
    })
    .describe('search of captions by pictures and of pictures by captions'),
  needsTexts: true,
  metrics: {
    ...(Object.fromEntries(recallMetrics) as Record<string, (report: RetrievalReport) => number>),
    mean_recall: ({ meanRecall }: RetrievalReport) => meanRecall,
  },
  lines: ({ pairs, pictures, ...recalls }: RetrievalReport) =>
    Object.entries(WAYS).map(([name, way]) => {
      const { r1, r5, r10 } = recalls[way];
      const counts = pairs === pictures ? `${pairs} pairs` : `${pictures} pictures, ${pairs} captions`;
      const title = name.replaceAll('_', ' ');
      return `${title}  R@1 ${percent(r1)}  R@5 ${percent(r5)}  R@10 ${percent(r10)}  (${counts})`;
    }),

  async open({ data }) {
    const dataset = await openDataset([data].flat(), { key: NAME });
    if (dataset.hasCaptions)
      return { dataset, pictures: picturesOnce(dataset), close: () => dataset.close() };
    dataset.close();
    throw new CoupletError(`${NAME} has no captions: expected a caption column or txt members.`);
  },

  async run({ dataset, pictures }, context) {
    const { encoder, remarks } = context;
    const { distinct, part } = pictures();
    const anyShare = { ...encoder, maxBadShare: 1 }; // checked below, of all samples
    const { images, ids, problems } = await encodeDataset(part, anyShare, { texts: false });
    try {
      remarkNotFinite(part, { features: images, ids }, remarks);
      const lost = new ProblemLog();
      lost.addAll(problems);
      const captions = captionsOf(dataset, { distinct, ids, lost });
      checkBadShare(lost, dataset.size, encoder.maxBadShare ?? 0.01);
      remarks.lost(NAME, dataset, lost);
      return measure(dataset, { images, captions }, context);
    } finally {
      images.dispose();
    }
  },
});

/** Found at the first evaluation. Later ones have the same part, whose decoded pictures are kept. */
function picturesOnce(dataset: Dataset): () => { distinct: DistinctPictures; part: Dataset } {
  let known: ReturnType<ReturnType<typeof picturesOnce>> | undefined;
  return () => {
    if (known) return known;
    const distinct = distinctPictures(dataset);
    const part = distinct.first.length === dataset.size ? dataset : partOf(dataset, distinct.first);
    known = { distinct, part };
    return known;
  };
}

interface Captions {
  texts: string[];
  /** Sample of each text. */
  ids: number[];
  /** Row of each text's picture. */
  pictureOf: number[];
}

/** All captions of the pictures that could be read. Samples without one are added to `lost`. */
function captionsOf(
  dataset: Dataset,
  { distinct, ids, lost }: { distinct: DistinctPictures; ids: readonly bigint[]; lost: ProblemLog },
): Captions {
  const rowOfPicture = new Map(ids.map((id, row) => [Number(id), row]));
  const captions: Captions = { texts: [], ids: [], pictureOf: [] };
  const reader = new Reader(dataset.index);
  try {
    for (const [id, picture] of distinct.of.entries()) {
      const row = rowOfPicture.get(picture);
      if (row === undefined) {
        if (distinct.first[picture] !== id) lost.count++; // the first one is counted
        continue;
      }
      for (const text of captionsOfSample(id, reader, lost)) {
        captions.texts.push(text);
        captions.ids.push(id);
        captions.pictureOf.push(row);
      }
    }
    return captions;
  } finally {
    reader.close();
  }
}

/** A sample without a caption that can be read is added to `lost`. */
function captionsOfSample(id: number, reader: Reader, lost: ProblemLog): readonly string[] {
  try {
    const source = reader.captionSource(id);
    const own = allCaptions(id, source);
    if (own.length > 0) return own;
    const text = captionOf(id, source, { seed: 0, epoch: 0 });
    if (text !== undefined) return [text];
    lost.add(reader.name(id), 'the caption is empty or missing');
  } catch (error) {
    if (isMachineFailure(error)) throw systemFailure(error, 'Cannot read', reader.name(id));
    lost.add(reader.name(id), (error as Error).message);
  }
  return [];
}

function measure(
  dataset: Dataset,
  { images, captions }: { images: Tensor; captions: Captions },
  { encoder, remarks }: EvaluationContext,
): RetrievalReport {
  const rows = [...new Set(captions.pictureOf)]; // a picture without captions plays no part
  if (rows.length < 2)
    throw new CoupletError(
      `${NAME} has ${rows.length === 0 ? 'no picture' : 'one picture only'} with a caption: retrieval needs two or more.`,
    );
  const texts = encodeTexts(captions.texts, encoder);
  try {
    const bad = rowsNotFinite(texts);
    if (bad.length > 0)
      remarks.notFinite(
        `${bad.length} of ${captions.texts.length} captions (the first is that of ${nameOf(dataset, captions.ids[bad[0]])})`,
      );
    const place = new Map(rows.map((row, i) => [row, i]));
    return noGrad(() =>
      scope(() => {
        const pictures = images.indexSelect(0, labelTensor(rows, images.device));
        return retrieval(
          pictures,
          texts,
          captions.pictureOf.map((row) => place.get(row)!),
        );
      }),
    );
  } finally {
    texts.dispose();
  }
}

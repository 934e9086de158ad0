// embed.json: how the embeddings of a folder were made.
import { join } from 'node:path';
import { z } from 'zod';
import { CoupletError } from '../errors.ts';
import { readJsonFile } from '../io/json-file.ts';

export const EMBED_FILES = {
  record: 'embed.json',
  rows: 'rows.jsonl',
  images: 'embeddings.npy',
  texts: 'text_embeddings.npy',
  patches: 'patch_embeddings.npy',
  parquet: 'embeddings.parquet',
  skipped: 'skipped.jsonl',
} as const;

const count = z.int().min(0);
const problem = z.object({ name: z.string(), reason: z.string(), samples: z.int().optional() });

/** What decides each byte of the embeddings. */
const planSchema = z.object({
  version: z.literal(1),
  run: z.string().describe('folder of the run, absolute'),
  checkpoint: z.string().describe('name of the checkpoint'),
  step: count.describe('steps of the checkpoint'),
  weights: z.string().describe("SHA-256 of the checkpoint's weights"),
  method: z.string().describe('name of the method'),
  model: z.unknown().describe('model in the config'),
  source: z.unknown().describe('source of the samples'),
  directory: z.string().describe('folder that relative paths start from'),
  samples: z.int().min(1).describe('samples of the source'),
  fingerprint: z.string().describe("SHA-256 of the source's index and file times"),
  dtype: z.enum(['float16', 'float32']).describe('type of the numbers'),
  format: z.enum(['npy', 'parquet']).describe('format of the files'),
  texts: z.boolean().describe('whether captions are embedded'),
  patches: z.boolean().describe('whether patch tokens are written'),
  precision: z.string().describe('precision of the forward pass'),
  device: z.string().describe('kind of the device'),
  batch: z.int().min(1).describe('pictures of a forward pass'),
  preprocessing: z
    .object({
      imageSize: z.int().min(1).describe('side in pixels'),
      crop: z.literal('center').describe('part of the picture, after its shorter side is resized'),
      interpolation: z.enum(['bicubic', 'bilinear']).describe('interpolation of the resize'),
      mean: z.array(z.number()).describe('mean of each channel'),
      std: z.array(z.number()).describe('standard deviation of each channel'),
    })
    .describe('from a picture to the pixels of the model'),
});

const recordSchema = planSchema.extend({
  rows: z.int().min(1).describe('number of rows'),
  width: z.int().min(1).describe('numbers of a row'),
  patchTokens: z.tuple([count, count]).optional().describe('patch tokens of a row, and numbers of each'),
  skipped: z.object({ count, first: z.array(problem) }).describe('samples without a row'),
});

export type EmbedPlan = z.output<typeof planSchema>;
export type EmbedRecord = z.output<typeof recordSchema>;

/** Throws a CoupletError when the folder has no record, or a damaged one. */
export function readRecord(folder: string): EmbedRecord {
  const path = join(folder, EMBED_FILES.record);
  return readJsonFile(path, recordSchema, 'Give a folder that couplet embed wrote.');
}

/** Throws a CoupletError when what was begun in `folder` is another embedding. */
export function checkSamePlan(begun: unknown, now: EmbedPlan, folder: string): void {
  for (const key of Object.keys(now) as (keyof EmbedPlan)[]) {
    const [before, after] = [(begun as EmbedPlan)[key], now[key]].map((value) => JSON.stringify(value));
    if (before === after) continue;
    const difference = `${planSchema.shape[key].description ?? key}: ${short(before)} there, ${short(after)} now`;
    throw new CoupletError(
      `${folder} holds another embedding (${difference}). Choose another --out, or remove that folder.`,
    );
  }
}

const short = (text = 'none'): string => (text.length <= 80 ? text : `${text.slice(0, 77)}...`);

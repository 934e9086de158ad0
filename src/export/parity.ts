// parity.json: what an export is compared on, and the run's features of it.
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { readJsonFile } from '../io/json-file.ts';
import { hasTexts } from '../models/registry.ts';
import type { LoadedRun } from '../run/load-run.ts';
import { imageRows, joined, type Rows, textRows } from './features.ts';
import { TEXTS, testPictures } from './test-pictures.ts';

export const PARITY_FILE = 'parity.json';
const FOLDER = 'parity';

const rows = z.array(z.array(z.number()));
const fileSchema = z.strictObject({
  file: z.string().describe('file of the folder'),
  kind: z.enum(['weights', 'image', 'text', 'joint', 'encoder']).describe('what the file holds'),
  worst: z.number().positive().optional().describe('greatest difference, relative to the largest number'),
  cosine: z.number().optional().describe('lowest cosine of a feature with the run'),
  data: z.array(z.string()).optional().describe('files with its tensors'),
});
export type ParityFile = z.output<typeof fileSchema>;

const paritySchema = z.strictObject({
  version: z.literal(1).describe('version of this file'),
  target: z.string().describe('program that the folder is for'),
  run: z.string().describe('name of the run'),
  step: z.int().min(0).describe('step of the checkpoint'),
  weights: z.string().describe('weights of the step, or their averages'),
  blend: z.number().optional().describe('share of the trained weights'),
  imageSize: z.int().min(1).describe('side of the input in pixels'),
  mean: z.array(z.number()).length(3).describe('mean of each channel'),
  std: z.array(z.number()).length(3).describe('standard deviation of each channel'),
  pictures: z
    .array(
      z.strictObject({
        file: z.string().describe('picture'),
        cut: z.string().describe('the picture as an evaluation cuts it'),
        sha256: z.string().describe('SHA-256 of the cut bytes [S, S, 3]'),
      }),
    )
    .describe('test pictures'),
  texts: z
    .array(z.strictObject({ text: z.string(), ids: z.array(z.int().min(0)) }))
    .optional()
    .describe('test texts and their ids'),
  frame: z
    .strictObject({ start: z.boolean(), padId: z.int().min(0) })
    .optional()
    .describe('what stands around the ids of a text; default a start, and zeros after the end'),
  features: z.strictObject({ image: rows, text: rows.optional() }).describe("the run's features, unit rows"),
  files: z.array(fileSchema).describe('what to compare'),
});
export type Parity = z.output<typeof paritySchema>;

const asLists = ({ shape: [count, width], data }: Rows) =>
  Array.from({ length: count }, (_, row) => Array.from(data.subarray(row * width, (row + 1) * width)));

export function asRows(lists: readonly (readonly number[])[]): Rows {
  return { shape: [lists.length, lists[0]?.length ?? 0], data: Float32Array.from(lists.flat()) };
}

/** Test pictures with the run's features of them. Writes the pictures into a folder. */
export async function writeTests(
  folder: string,
  run: LoadedRun,
  { target, blend }: { target: string; blend?: number | undefined },
): Promise<Omit<Parity, 'files'>> {
  const side = run.imageSize;
  const { mean, std } = run.config.data;
  const pictures = await testPictures(side);
  await mkdir(join(folder, FOLDER));
  for (const [i, { png, cutPng }] of pictures.entries()) {
    await writeFile(join(folder, FOLDER, `${i}.png`), png);
    await writeFile(join(folder, FOLDER, `${i}-cut.png`), cutPng);
  }
  const { tokenizer } = run;
  const texts =
    hasTexts(run.model) && tokenizer ? TEXTS.map((text) => ({ text, ids: tokenizer.encode(text) })) : [];
  const image = imageRows(run, { images: joined(pictures.map(({ cut }) => cut)), side });
  const ids = Int32Array.from(texts.flatMap(({ ids: each }) => [...each]));
  return {
    version: 1,
    target,
    run: run.config.name,
    step: run.step,
    weights: run.weights,
    ...(blend !== undefined && { blend }),
    imageSize: side,
    mean: [...mean],
    std: [...std],
    pictures: pictures.map(({ sha256 }, i) => ({
      file: `${FOLDER}/${i}.png`,
      cut: `${FOLDER}/${i}-cut.png`,
      sha256,
    })),
    ...(texts.length > 0 && { texts: texts.map(({ text, ids: each }) => ({ text, ids: [...each] })) }),
    ...(texts.length > 0 && tokenizer?.spec.frame && { frame: tokenizer.spec.frame }),
    features: {
      image: asLists(image),
      ...(texts.length > 0 && { text: asLists(textRows(run, ids, tokenizer!.contextLength)) }),
    },
  };
}

export async function writeParity(folder: string, parity: Parity): Promise<void> {
  await writeFile(join(folder, PARITY_FILE), `${JSON.stringify(parity)}\n`);
}

/** Throws a CoupletError for a folder that is no export. */
export function readParity(folder: string): Parity {
  return readJsonFile(
    join(folder, PARITY_FILE),
    paritySchema,
    `${basename(folder)} should be a folder that couplet export wrote; check the path.`,
    { maxValues: 4_000_000 },
  );
}

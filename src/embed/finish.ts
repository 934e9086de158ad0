import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { type Dataset, listProblems, type Problem, type Problems } from '../data/index.ts';
import { writeFileAtomically } from '../io/atomic.ts';
import { checkJson, parseJson } from '../io/json-file.ts';
import { npyHeader } from '../io/npy.ts';
import { weightNotFinite } from '../nn/finite.ts';
import type { LoadedRun } from '../run/load-run.ts';
import type { Job } from './embed.ts';
import { writeParquet } from './parquet.ts';
import { EMBED_FILES, type EmbedRecord } from './record.ts';
import type { WorkFolder } from './work-folder.ts';

/** Completes the files, writes the record, and puts the folder in its place. */
export async function finish(work: WorkFolder, { plan, dataset, out }: Job): Promise<EmbedRecord> {
  const { rows, shapes } = work.journal;
  const { images, texts, patches, parquet, skipped: skippedFile, record: recordFile } = EMBED_FILES;
  const starts = Object.entries(shapes).map(
    ([name, shape]) => [name, npyHeader(plan.dtype, [rows, ...shape])] as const,
  );
  await work.rewrite(new Map(starts));
  const skipped = await skippedOf(work, dataset);
  const tokens = shapes[patches];
  const record: EmbedRecord = {
    ...plan,
    rows,
    width: shapes[images]![0]!,
    ...(tokens && { patchTokens: [tokens[0]!, tokens[1]!] }),
    skipped: { count: skipped.count, first: [...skipped.first] },
  };
  const arrays = [...(plan.texts ? [texts] : []), ...(plan.patches ? [patches] : [])];
  if (plan.format === 'parquet') await writeParquet(work.path, record);
  const files =
    plan.format === 'parquet'
      ? [parquet, ...(plan.patches ? [patches] : [])]
      : [images, EMBED_FILES.rows, ...arrays];
  const notes = work.journal.skipped > 0 ? [skippedFile] : [];
  await writeFileAtomically(join(work.path, recordFile), `${JSON.stringify(record, null, 2)}\n`);
  await work.publish(out, [...files, ...notes]);
  return record;
}

/** Why no row is there: the cause in the weights, or the first problems. */
export async function nothingEmbedded(work: WorkFolder, run: LoadedRun, dataset: Dataset): Promise<string> {
  const skipped = await skippedOf(work, dataset);
  const weight = weightNotFinite(run.method.model);
  if (weight !== undefined) return `${run.checkpoint}: ${weight}. Use another checkpoint.`;
  return `None of the ${dataset.size} pictures could be embedded.\n${listProblems(skipped)}`;
}

const LISTED = 10;
const problemSchema = z.object({ name: z.string(), reason: z.string() });

async function skippedOf(work: WorkFolder, dataset: Dataset): Promise<Problems> {
  const first: Problem[] = [...dataset.problems.first];
  const path = join(work.path, EMBED_FILES.skipped);
  const lines = createInterface({ input: createReadStream(path) });
  for await (const line of lines) {
    if (first.length >= LISTED) break;
    const place = { where: path, todo: 'Remove its folder and begin again.' };
    first.push(checkJson(parseJson(line, place), problemSchema, place));
  }
  return { count: dataset.problems.count + work.journal.skipped, first };
}

import { resolve } from 'node:path';
import { type Dataset, openDataset, type Problems, type SourceInput } from '../data/index.ts';
import { CoupletError, withCleanUp } from '../errors.ts';
import type { NpyDtype } from '../io/npy.ts';
import { type LoadedRun, loadRun } from '../run/load-run.ts';
import { fill } from './fill.ts';
import { finish, nothingEmbedded } from './finish.ts';
import { planOf } from './plan.ts';
import { checkSamePlan, EMBED_FILES, type EmbedPlan, type EmbedRecord, readRecord } from './record.ts';
import { refuseForeign, WorkFolder } from './work-folder.ts';

export type EmbedEvent =
  | { type: 'start'; samples: number; done: number; device: string; precision: string }
  | { type: 'batch'; samples: number; done: number };

export interface EmbedOptions {
  /** Folder to write. */
  out: string;
  /** 'latest', 'best', the folder of a checkpoint, or 'start'. */
  checkpoint?: string;
  /** `path=value` changes to the run's config, such as precision or device. */
  set?: readonly string[];
  /** Default float16; Parquet has float32. */
  dtype?: NpyDtype;
  format?: 'npy' | 'parquet';
  /** Embeds captions too. */
  texts?: boolean;
  /** Writes patch tokens too. */
  patches?: boolean;
  /** Seconds between two saves, from which a killed process goes on. Default 10. */
  saveSeconds?: number;
  /** Stops after a batch, and saves. */
  signal?: AbortSignal;
  onEvent?: (event: EmbedEvent) => void;
}

export interface EmbedResult {
  /** False after `signal`; the same call goes on. */
  finished: boolean;
  out: string;
  rows: number;
  /** Samples without a row, those that indexing left out included. */
  skipped: Problems;
}

/**
 * Embeds the pictures of sources with the model of a run: unit rows in `embeddings.npy` and a line of `rows.jsonl` for each, or
 * `embeddings.parquet`; and `embed.json`, the record that `openSearch` reads (docs/search.md). The folder is whole or absent: until
 * then the work is in `OUT.partial`, from which a call with the same arguments goes on, to the same bytes.
 * @throws CoupletError when the run, the source or the options do not fit, another embedding is there, or no picture can be read
 */
export async function embedSource(
  runDir: string,
  sources: SourceInput | readonly SourceInput[],
  options: EmbedOptions,
): Promise<EmbedResult> {
  const out = resolve(options.out);
  checkOptions(options);
  const there = await refuseForeign(out);
  const run = await loadRun(runDir, options);
  return withCleanUp(
    async () => {
      checkRun(run, runDir, options);
      const list = [sources].flat() as SourceInput[];
      const dataset = await openDataset(list, { key: 'source' });
      return withCleanUp(
        async () => {
          const { texts = false, patches = false, format = 'npy' } = options;
          if (texts && !dataset.hasCaptions)
            throw new CoupletError(
              '--texts embeds captions, and the source has none: omit it, or name the column.',
            );
          const dtype = options.dtype ?? (format === 'parquet' ? 'float32' : 'float16');
          const choices = { dtype, format, texts, patches };
          const plan = planOf(runDir, run, { dataset, sources: list, choices });
          if (there) return alreadyDone(out, plan);
          return embed({ run: { ...run, maxBadShare: 1 }, dataset, plan, out }, options);
        },
        () => dataset.close(),
      );
    },
    () => run.close(),
  );
}

function checkOptions({ format, dtype }: EmbedOptions): void {
  if (format === 'parquet' && dtype === 'float16')
    throw new CoupletError('Parquet has float32 numbers: omit --dtype, or use --format npy.');
}

function checkRun(run: LoadedRun, runDir: string, { texts, patches }: EmbedOptions): void {
  if (texts && !(run.method.encodeTexts && run.tokenizer))
    throw new CoupletError(
      `--texts embeds captions, and ${runDir} has no text tower: omit it, or use a run of clip.`,
    );
  if (patches && !run.method.encodePatches)
    throw new CoupletError(`--patches writes patch tokens, and the model of ${runDir} has none: omit it.`);
}

function alreadyDone(out: string, plan: EmbedPlan): EmbedResult {
  const record = readRecord(out);
  checkSamePlan(record, plan, out);
  return resultOf(out, record);
}

const resultOf = (out: string, { rows, skipped }: EmbedRecord): EmbedResult => ({
  finished: true,
  out,
  rows,
  skipped,
});

export interface Job {
  run: LoadedRun;
  dataset: Dataset;
  plan: EmbedPlan;
  out: string;
}

async function embed(job: Job, options: EmbedOptions): Promise<EmbedResult> {
  const { plan, out, run, dataset } = job;
  const { rows, images, texts, patches, skipped } = EMBED_FILES;
  const names = [images, ...(plan.texts ? [texts] : []), ...(plan.patches ? [patches] : []), rows, skipped];
  const work = await WorkFolder.open(`${out}.partial`, plan, names);
  return withCleanUp(
    async () => {
      const isDone = await fill(work, job, options);
      const { journal } = work;
      if (!isDone) {
        const count = dataset.problems.count + journal.skipped;
        return { finished: false, out, rows: journal.rows, skipped: { count, first: [] } };
      }
      if (journal.rows === 0) {
        const why = await nothingEmbedded(work, run, dataset);
        await work.remove();
        throw new CoupletError(why);
      }
      return resultOf(out, await finish(work, job));
    },
    () => work.close(),
  );
}

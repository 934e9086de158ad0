import { existsSync } from 'node:fs';
import { cutViews } from '../data/pictures/cut-views.ts';
import { bytesOfSide } from '../data/pictures/slab.ts';
import type { Embedding } from '../embed/embedding.ts';
import { weightsOf } from '../embed/plan.ts';
import { CoupletError } from '../errors.ts';
import { encodeTexts } from '../evaluate/features.ts';
import { imagesToDevice } from '../feed/upload.ts';
import { checkpointPath, runPaths } from '../io/checkpoint-files.ts';
import { type LoadedRun, loadRun } from '../run/load-run.ts';
import { noGrad, scope, type Tensor } from '../torch/index.ts';

export interface QueryOptions {
  /** Folder of the run; default that of the record. */
  run?: string;
  /** `path=value` changes to its config, such as device=cpu. */
  set?: readonly string[];
}

const LIMITS = { minSide: 1, maxPixels: 178_956_970 };

/** The model that embedded a folder. Throws a CoupletError when the run or its checkpoint is gone, or has other weights. */
export async function openRunOf(
  embedding: Embedding,
  { run: given, set = [] }: QueryOptions,
): Promise<LoadedRun> {
  const { folder, record } = embedding;
  const runDir = given ?? record.run;
  const fromStart = record.checkpoint === 'start';
  const checkpoint = fromStart ? 'start' : checkpointPath(runDir, record.step);
  const missing = !existsSync(runPaths(runDir).config)
    ? `${runDir} is no run`
    : !fromStart && !existsSync(checkpoint) && `${runDir} has no checkpoint ${record.checkpoint} any more`;
  if (missing)
    throw new CoupletError(
      `${folder} was embedded by a model that is gone: ${missing}. Give --run PATH if it moved, or embed again.`,
    );
  const run = await loadRun(runDir, { checkpoint, set: [`precision=${record.precision}`, ...set] });
  if (weightsOf(run) === record.weights) return run;
  run.close();
  throw new CoupletError(
    `${folder} was embedded by other weights than those of ${fromStart ? runDir : checkpoint}. Give --run PATH of its run, or embed again.`,
  );
}

/** The model that embedded a folder, for queries. */
export class QueryModel {
  readonly #run: LoadedRun;
  readonly #embedding: Embedding;

  private constructor(run: LoadedRun, embedding: Embedding) {
    this.#run = run;
    this.#embedding = embedding;
  }

  /** Throws as `openRunOf`. */
  static async open(embedding: Embedding, options: QueryOptions): Promise<QueryModel> {
    return new QueryModel(await openRunOf(embedding, options), embedding);
  }

  /** Throws a CoupletError for a model without a text tower. */
  words(text: string): Float64Array {
    const { method, tokenizer } = this.#run;
    if (!method.encodeTexts || !tokenizer)
      throw new CoupletError(
        `${this.#embedding.folder} was embedded by a model without a text tower: search it with --image FILE.`,
      );
    return this.#numbers(() => encodeTexts([text], this.#run), `"${text}"`);
  }

  /** Of an encoded picture. Throws a CoupletError when it cannot be read. */
  async image(bytes: Uint8Array, name: string): Promise<Float64Array> {
    const { imageSize: side, device, method } = this.#run;
    const images = new Uint8Array(bytesOfSide(side));
    const { interpolation } = this.#embedding.record.preprocessing;
    const views = [{ size: side, transform: { type: 'center-crop', interpolation } as const }];
    const row = { id: 0, epoch: 0, read: () => bytes, targets: [images], row: 0 };
    await cutViews({ ...LIMITS, cache: undefined, views, seed: 0 }, row).catch((error: Error) => {
      throw new CoupletError(
        `${name} is no picture that can be searched with: ${error.message.split('\n')[0]}.`,
      );
    });
    return this.#numbers(
      () => method.encodeImages(imagesToDevice({ views: [{ images, side }] }, device)),
      name,
    );
  }

  close(): void {
    this.#run.close();
  }

  #numbers(encode: () => Tensor, what: string): Float64Array {
    const numbers = Float64Array.from(noGrad(() => scope(() => encode().toNumbers())));
    if (numbers.every(Number.isFinite)) return numbers;
    throw new CoupletError(`The embedding of ${what} has NaN or an infinity: embed with another checkpoint.`);
  }
}

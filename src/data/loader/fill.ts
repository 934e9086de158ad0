import { isMachineFailure, systemFailure } from '../../io/system-error.ts';
import { captionOf } from '../dataset/captions.ts';
import type { DatasetIndex } from '../dataset/dataset-index.ts';
import type { Problem } from '../dataset/problems.ts';
import { Reader } from '../dataset/reader.ts';
import { type CutConfig, cutViews } from '../pictures/cut-views.ts';
import { type Slab, type SlabShape, viewSlab } from '../pictures/slab.ts';
import { ATTEMPTS, candidateAt } from './order.ts';

/** A worker's task. Plain data. */
export interface FillConfig extends CutConfig {
  index: DatasetIndex;
  /** 0 without a tokenizer. */
  contextLength: number;
  /** `stream`: shuffled epochs, bad samples are replaced. `once`: positions are ids, bad samples are left out. */
  order: 'stream' | 'once';
  captions: 'none' | 'texts' | 'tokens';
}

export function slabShape({
  views,
  contextLength,
}: Pick<FillConfig, 'views' | 'contextLength'>): Omit<SlabShape, 'rows'> {
  return { sides: views.map(({ size }) => size), contextLength };
}

/** Rows [from, from + count) of a batch. */
export interface Job {
  buffer: SharedArrayBuffer;
  /** Of the whole slab. */
  rows: number;
  from: number;
  count: number;
  /** Of row `from`. */
  position: number;
}

export interface JobResult {
  /** Captions, when `captions` is `texts`. */
  texts: string[];
  bad: (Problem & { row: number })[];
  /** A row of a stream could not be filled. */
  failed: boolean;
}

const DECODES_PER_WORKER = 4;

/** Distinct texts with cached tokens. */
const MAX_TEXTS = 4096;

export type Encode = (text: string) => Int32Array;

export class Filler {
  readonly #config: FillConfig;
  readonly #reader: Reader;
  readonly #encode: Encode | undefined;
  readonly #tokensByText = new Map<string, Int32Array>();

  constructor(config: FillConfig, encode?: Encode) {
    this.#config = config;
    this.#reader = new Reader(config.index);
    this.#encode = encode;
  }

  async run(job: Job): Promise<JobResult> {
    const slab = viewSlab(job.buffer, { ...slabShape(this.#config), rows: job.rows });
    const result: JobResult = { texts: [], bad: [], failed: false };
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < job.count) {
        const row = next++;
        const text = await this.#fillRow(job.position + row, { slab, row: job.from + row }, result);
        if (this.#config.captions === 'texts') result.texts[row] = text;
      }
    };
    await Promise.all(Array.from({ length: Math.min(DECODES_PER_WORKER, job.count) }, lane));
    // Decodes end in any order.
    result.bad.sort((a, b) => a.row - b.row);
    return result;
  }

  async #fillRow(position: number, target: Row, result: JobResult): Promise<string> {
    const { order, index, seed } = this.#config;
    const count = index.columns.size;
    for (let attempt = 0; attempt < (order === 'stream' ? ATTEMPTS : 1); attempt++) {
      const { epoch, id } =
        order === 'stream' ? candidateAt(position, attempt, { count, seed }) : { epoch: 0, id: position };
      try {
        return await this.#fillSample(id, epoch, target);
      } catch (error) {
        const name = this.#reader.name(id);
        if (isMachineFailure(error)) throw systemFailure(error, 'Cannot read', name);
        result.bad.push({ row: target.row, name, reason: reasonOf(error) });
      }
    }
    target.slab.ids[target.row] = -1n;
    result.failed ||= order === 'stream';
    return '';
  }

  async #fillSample(id: number, epoch: number, target: Row): Promise<string> {
    const { captions, index } = this.#config;
    const text = captions === 'none' ? '' : this.#caption(id, epoch);
    const { views: targets, sizes } = target.slab;
    const read = () => this.#reader.image(id);
    const { width, height } = await cutViews(this.#config, { id, epoch, read, targets, row: target.row });
    sizes.set([width, height], target.row * 2);
    if (captions === 'tokens')
      target.slab.tokens.set(this.#tokens(text), target.row * this.#config.contextLength);
    target.slab.ids[target.row] = BigInt(id);
    target.slab.labels[target.row] = index.columns.label[id]!;
    return text;
  }

  #caption(id: number, epoch: number): string {
    const text = captionOf(id, this.#reader.captionSource(id), { seed: this.#config.seed, epoch });
    if (text === undefined) throw new Error('the caption is empty or missing');
    return text;
  }

  /** Class captions repeat: their tokens are cached. */
  #tokens(text: string): Int32Array {
    const known = this.#tokensByText.get(text);
    if (known) return known;
    const tokens = this.#encode!(text);
    if (this.#tokensByText.size >= MAX_TEXTS) this.#tokensByText.clear();
    this.#tokensByText.set(text, tokens);
    return tokens;
  }

  close(): void {
    this.#reader.close();
  }
}

interface Row {
  slab: Slab;
  row: number;
}

/** libvips' messages have several lines. */
function reasonOf(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'there is no such file';
  return (message.split('\n')[0] ?? message).trim();
}

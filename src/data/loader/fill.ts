import { captionOf } from '../dataset/captions.ts';
import type { DatasetIndex } from '../dataset/dataset-index.ts';
import type { Problem } from '../dataset/problems.ts';
import { Reader } from '../dataset/reader.ts';
import { type CutConfig, cutViews } from '../pictures/cut-views.ts';
import { type Slab, type SlabShape, viewSlab } from '../pictures/slab.ts';
import { ATTEMPTS, candidateAt } from './order.ts';

/** What a worker does with samples, for as long as it lives; plain data. */
export interface FillConfig extends CutConfig {
  index: DatasetIndex;
  /** Length of a tokenized caption; 0 when there is no tokenizer. */
  contextLength: number;
  /** `stream`: positions run through shuffled epochs, bad samples are replaced. `once`: positions are ids, bad samples are left out. */
  order: 'stream' | 'once';
  captions: 'none' | 'texts' | 'tokens';
}

/** The slabs of a config's batches. */
export function slabShape({
  views,
  contextLength,
}: Pick<FillConfig, 'views' | 'contextLength'>): Omit<SlabShape, 'rows'> {
  return { sides: views.map(({ size }) => size), contextLength };
}

/** Some rows of one batch. */
export interface Job {
  buffer: SharedArrayBuffer;
  /** Rows of the whole slab. */
  rows: number;
  from: number;
  count: number;
  /** Position in the stream of row `from`. */
  position: number;
}

export interface JobResult {
  /** Captions of the rows, when texts were asked for. */
  texts: string[];
  bad: (Problem & { row: number })[];
  /** A row could not be filled at all. */
  failed: boolean;
}

/** Pictures that one worker has libvips decode at a time. */
const IN_FLIGHT = 4;

export type Encode = (text: string) => Int32Array;

/** Fills rows of slabs with pictures, labels, ids and captions. */
export class Filler {
  readonly #config: FillConfig;
  readonly #reader: Reader;
  readonly #encode: Encode | undefined;
  readonly #known = new Map<string, Int32Array>();

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
        const text = await this.#position(job.position + row, { slab, row: job.from + row }, result);
        if (this.#config.captions === 'texts') result.texts[row] = text;
      }
    };
    await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, job.count) }, lane));
    // Which of several decodes ends first is chance; the order of the list is not.
    result.bad.sort((a, b) => a.row - b.row);
    return result;
  }

  async #position(position: number, at: Row, result: JobResult): Promise<string> {
    const { order, index, seed } = this.#config;
    const count = index.columns.size;
    for (let attempt = 0; attempt < (order === 'stream' ? ATTEMPTS : 1); attempt++) {
      const { epoch, id } =
        order === 'stream' ? candidateAt(position, attempt, { count, seed }) : { epoch: 0, id: position };
      try {
        return await this.#sample(id, epoch, at);
      } catch (error) {
        result.bad.push({ row: at.row, name: this.#reader.name(id), reason: reasonOf(error) });
      }
    }
    at.slab.ids[at.row] = -1n;
    result.failed ||= order === 'stream';
    return '';
  }

  async #sample(id: number, epoch: number, at: Row): Promise<string> {
    const { captions, index } = this.#config;
    const text = captions === 'none' ? '' : this.#caption(id, epoch);
    const { views: targets, sizes } = at.slab;
    const read = () => this.#reader.image(id);
    const { width, height } = await cutViews(this.#config, { id, epoch, read, targets, row: at.row });
    sizes.set([width, height], at.row * 2);
    if (captions === 'tokens') at.slab.tokens.set(this.#tokens(text), at.row * this.#config.contextLength);
    at.slab.ids[at.row] = BigInt(id);
    at.slab.labels[at.row] = index.columns.label[id]!;
    return text;
  }

  #caption(id: number, epoch: number): string {
    const text = captionOf(id, this.#reader.captionSource(id), { seed: this.#config.seed, epoch });
    if (text === undefined) throw new Error('the caption is empty or missing');
    return text;
  }

  /** Class captions repeat, so their tokens are kept. */
  #tokens(text: string): Int32Array {
    const known = this.#known.get(text);
    if (known) return known;
    const tokens = this.#encode!(text);
    if (this.#known.size >= 4096) this.#known.clear();
    this.#known.set(text, tokens);
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

/** libvips' messages run over several lines; the first says what is wrong. */
function reasonOf(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'there is no such file';
  return (message.split('\n')[0] ?? message).trim();
}

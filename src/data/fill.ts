import { captionOf } from './captions.ts';
import { randomResizedCrop, type Transform } from './crop.ts';
import type { DatasetIndex } from './dataset.ts';
import {
  boxView,
  centerView,
  cutLarge,
  cutSmall,
  decodePixels,
  isSmall,
  type Limits,
  openPicture,
  type View,
} from './decode.ts';
import { permute, sampleAt } from './order.ts';
import { cachedPixels, keepPixels, type PixelCache, type Pixels } from './pixel-cache.ts';
import type { Problem } from './problems.ts';
import { Draws, hash32, purpose } from './random.ts';
import { Reader } from './reader.ts';
import { type Slab, type SlabShape, viewSlab } from './slab.ts';

/** What a worker does with samples, for as long as it lives; plain data. */
export interface FillConfig extends Limits {
  index: DatasetIndex;
  cache: PixelCache | undefined;
  shape: Omit<SlabShape, 'rows'>;
  transform: Transform;
  seed: number;
  /** `stream`: positions run through shuffled epochs, bad samples are replaced. `once`: positions are ids, bad samples are left out. */
  order: 'stream' | 'once';
  captions: 'none' | 'texts' | 'tokens';
}

/** Some rows of one batch. */
export interface Job {
  job: number;
  buffer: SharedArrayBuffer;
  /** Rows of the whole slab. */
  rows: number;
  from: number;
  count: number;
  /** Position in the stream of row `from`. */
  position: number;
}

export interface JobResult {
  job: number;
  /** Captions of the rows, when texts were asked for. */
  texts: string[];
  bad: (Problem & { row: number })[];
  /** A row could not be filled at all. */
  failed: boolean;
}

/** Pictures that one worker has libvips decode at a time. */
const IN_FLIGHT = 4;
/** After so many bad samples in a row a position is given up. */
const ATTEMPTS = 64;

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
    const slab = viewSlab(job.buffer, { ...this.#config.shape, rows: job.rows });
    const result: JobResult = { job: job.job, texts: [], bad: [], failed: false };
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < job.count) {
        const row = next++;
        const text = await this.#position(
          job.position + row,
          { slab, row: job.from + row, rows: job.rows },
          result,
        );
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
    const first = order === 'stream' ? sampleAt(position, count, seed) : { epoch: 0, index: position };
    let id = first.index;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      try {
        return await this.#sample(id, first.epoch, at);
      } catch (error) {
        result.bad.push({ row: at.row, name: this.#reader.name(id), reason: reasonOf(error) });
      }
      if (order === 'once') break;
      id = replacement({ seed, epoch: first.epoch, position, attempt }, count);
    }
    at.slab.ids[at.row] = -1n;
    result.failed ||= order === 'stream';
    return '';
  }

  async #sample(id: number, epoch: number, at: Row): Promise<string> {
    const { captions, index } = this.#config;
    const text = captions === 'none' ? '' : this.#caption(id, epoch);
    await this.#views(id, epoch, at);
    if (captions === 'tokens')
      at.slab.tokens.set(this.#tokens(text), at.row * this.#config.shape.contextLength);
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

  async #views(id: number, epoch: number, { slab, row, rows }: Row): Promise<void> {
    const { transform, shape, cache } = this.#config;
    const { interpolation } = transform;
    const bytes = shape.imageSize ** 2 * 3;
    const placeOf = (view: number) => ({
      target: slab.images,
      offset: (view * rows + row) * bytes,
      interpolation,
    });
    let pixels: Pixels | undefined = cache && cachedPixels(cache, id);
    const picture = pixels ? undefined : await openPicture(this.#reader.image(id), this.#config);
    if (picture && isSmall(picture)) {
      pixels = await decodePixels(picture);
      if (cache) keepPixels(cache, id, pixels);
    }
    for (let view = 0; view < shape.views; view++) {
      const cut = this.#cut(pixels ?? picture!.size, { epoch, id, view });
      if (pixels) cutSmall(pixels, cut, placeOf(view));
      else await cutLarge(picture!, cut, placeOf(view));
    }
  }

  #cut(size: { width: number; height: number }, what: { epoch: number; id: number; view: number }): View {
    const { transform, seed, shape } = this.#config;
    const { width, height } = size;
    if (transform.type === 'center-crop') return centerView({ width, height }, shape.imageSize);
    const key = [seed, what.epoch, what.id, what.view] as const;
    const box = randomResizedCrop({ width, height }, transform, new Draws(...key, purpose.crop));
    const flip = transform.flip && hash32([...key, purpose.flip]) % 2 === 1;
    return boxView(box, shape.imageSize, flip);
  }

  close(): void {
    this.#reader.close();
  }
}

interface Row {
  slab: Slab;
  row: number;
  rows: number;
}

/** Another sample for a position whose own is bad: it depends on the position and the attempt alone. */
function replacement(
  what: { seed: number; epoch: number; position: number; attempt: number },
  count: number,
): number {
  const { seed, epoch, position, attempt } = what;
  const start = hash32([seed, epoch, position, purpose.replacement]) % count;
  return permute((start + attempt) % count, count, { seed, epoch: epoch + 0x1_0000_0000 });
}

/** libvips' messages run over several lines; the first says what is wrong. */
function reasonOf(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'there is no such file';
  return (message.split('\n')[0] ?? message).trim();
}

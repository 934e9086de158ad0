import { batchesOf, encodeBatches } from '../evaluate/features.ts';
import { Chunk } from './chunk.ts';
import type { EmbedOptions, Job } from './embed.ts';
import { RowLines } from './row-lines.ts';
import type { WorkFolder } from './work-folder.ts';

const SAVE_SECONDS = 10;

/** Embeds the samples that the folder lacks. False: stopped by the signal. */
export async function fill(work: WorkFolder, job: Job, options: EmbedOptions): Promise<boolean> {
  const { plan, run, dataset } = job;
  const { samples, batch, texts } = plan;
  const { onEvent, signal } = options;
  const { device, precision } = plan;
  let done = work.journal.samples;
  onEvent?.({ type: 'start', samples, done, device, precision });
  if (done === samples) return true;
  const lines = new RowLines(dataset, { texts });
  const chunk = new Chunk({ ...plan, nameOf: (id) => lines.name(id) });
  const writer = new Writer(work, options.saveSeconds ?? SAVE_SECONDS);
  try {
    const batches = batchesOf(dataset, run, { texts, start: done, problems: chunk.problems });
    for await (const { ids, labels } of encodeBatches(batches, run, chunk.tables)) {
      for (const [row, id] of ids.entries()) chunk.add(lines.of(Number(id), labels[row]!));
      // Batches begin at multiples of their size, so that those of a resume are the same.
      done = Math.min(samples, (Math.floor(Number(ids.at(-1)!) / batch) + 1) * batch);
      onEvent?.({ type: 'batch', samples, done });
      if (signal?.aborted) break;
      if (!chunk.hasRoomFor(batch) || writer.isDue) await writer.write(chunk.take(done));
    }
    const stopped = signal?.aborted === true && done < samples;
    await writer.write(chunk.take(stopped ? done : samples));
    await writer.finish();
    return !stopped;
  } finally {
    lines.close();
    chunk.dispose();
    await writer.settled();
  }
}

/** Writes one part while the next one is computed. */
class Writer {
  readonly #work: WorkFolder;
  readonly #saveSeconds: number;
  #savedAt = performance.now();
  #writing: Promise<void> = Promise.resolve();

  constructor(work: WorkFolder, saveSeconds: number) {
    this.#work = work;
    this.#saveSeconds = saveSeconds;
  }

  get isDue(): boolean {
    return performance.now() - this.#savedAt >= this.#saveSeconds * 1000;
  }

  /** Waits for the part before, whose error it throws. */
  async write(part: Parameters<WorkFolder['append']>[0]): Promise<void> {
    await this.#writing;
    const saves = this.isDue;
    if (saves) this.#savedAt = performance.now();
    this.#writing = this.#work.append(part).then(() => (saves ? this.#work.save() : undefined));
    this.#writing.catch(() => {}); // thrown by the next call
  }

  async finish(): Promise<void> {
    await this.#writing;
    await this.#work.save();
  }

  async settled(): Promise<void> {
    await this.#writing.catch(() => undefined);
  }
}

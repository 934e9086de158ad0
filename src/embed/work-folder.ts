import { existsSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { CoupletError } from '../errors.ts';
import { writeFileAtomically } from '../io/atomic.ts';
import { readJsonFile } from '../io/json-file.ts';
import { NPY_HEADER_BYTES } from '../io/npy.ts';
import { lockRun, type RunLock } from '../io/run-lock.ts';
import { systemFailure } from '../io/system-error.ts';
import type { Part } from './chunk.ts';
import { GrowingFile } from './growing-file.ts';
import { checkSamePlan, EMBED_FILES, type EmbedPlan } from './record.ts';

const PLAN = 'plan.json';
const JOURNAL = 'progress.json';
const TODO = 'Remove its folder and begin again.';

const count = z.int().min(0);
const journalSchema = z.object({
  samples: count.describe('samples done'),
  rows: count.describe('rows written'),
  skipped: count.describe('samples without a row'),
  bytes: z.record(z.string(), count).describe('length of each file'),
  shapes: z.record(z.string(), z.array(count).readonly()).describe('shape of a row, by file'),
});
export type Journal = z.output<typeof journalSchema>;

const isArray = (name: string): boolean => name.endsWith('.npy');

/** The folder `OUT.partial`, from which a killed command goes on. It becomes OUT when all is in it. */
export class WorkFolder {
  readonly path: string;
  readonly #lock: RunLock;
  readonly #files: ReadonlyMap<string, GrowingFile>;
  #journal: Journal;
  #isClosed = false;

  private constructor(parts: {
    path: string;
    lock: RunLock;
    files: ReadonlyMap<string, GrowingFile>;
    journal: Journal;
  }) {
    this.path = parts.path;
    this.#lock = parts.lock;
    this.#files = parts.files;
    this.#journal = parts.journal;
  }

  /** Throws a CoupletError when another process writes the folder, when another embedding was begun in it, and when it is damaged. */
  static async open(path: string, plan: EmbedPlan, names: readonly string[]): Promise<WorkFolder> {
    const lock = lockRun(path, 'choose another --out');
    const files = new Map<string, GrowingFile>();
    try {
      const planFile = join(path, PLAN);
      if (existsSync(planFile)) checkSamePlan(readJsonFile(planFile, z.looseObject({}), TODO), plan, path);
      else await writeFileAtomically(planFile, `${JSON.stringify(plan, null, 2)}\n`);
      const journal = readJournal(path);
      for (const name of names) {
        const file = await GrowingFile.open(join(path, name), journal.bytes[name] ?? 0);
        files.set(name, file);
        if (isArray(name) && file.length === 0) await file.append(new Uint8Array(NPY_HEADER_BYTES));
      }
      return new WorkFolder({ path, lock, files, journal });
    } catch (error) {
      for (const file of files.values()) await file.close();
      lock.unlock();
      throw error;
    }
  }

  /** What is written, on the disk or on its way there. */
  get journal(): Journal {
    return this.#journal;
  }

  async append({ samples, rows, skipped, files, shapes }: Part): Promise<void> {
    for (const [name, bytes] of files) await this.#files.get(name)!.append(bytes);
    const before = this.#journal;
    this.#journal = {
      samples,
      rows: before.rows + rows,
      skipped: before.skipped + skipped,
      bytes: Object.fromEntries([...this.#files].map(([name, file]) => [name, file.length])),
      shapes: { ...before.shapes, ...shapes },
    };
  }

  /** Flushes all that was appended; a killed command goes on from here. */
  async save(): Promise<void> {
    for (const file of this.#files.values()) await file.sync();
    await writeFileAtomically(join(this.path, JOURNAL), `${JSON.stringify(this.#journal)}\n`);
  }

  /** Overwrites the beginning of files. */
  async rewrite(starts: ReadonlyMap<string, Uint8Array>): Promise<void> {
    for (const [name, bytes] of starts) {
      await this.#files.get(name)!.rewrite(bytes);
      await this.#files.get(name)!.sync();
    }
  }

  /** Keeps the named files, and renames the folder. The record, written before, says that it is whole. */
  async publish(out: string, keep: readonly string[]): Promise<void> {
    await this.#closeFiles();
    this.#isClosed = true;
    // The journal first: without it the next time begins again.
    const all = [JOURNAL, PLAN, ...this.#files.keys()];
    for (const name of all.filter((each) => !keep.includes(each)))
      await rm(join(this.path, name), { force: true });
    this.#lock.unlock();
    try {
      await rename(this.path, out);
      const parent = await open(dirname(out), 'r');
      await parent.sync().finally(() => parent.close());
    } catch (cause) {
      throw systemFailure(cause, 'Cannot write', out);
    }
  }

  /** Leaves the folder for the next time. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#closeFiles();
    this.#lock.unlock();
  }

  /** When there is nothing that the next time could use. */
  async remove(): Promise<void> {
    await this.close();
    await rm(this.path, { recursive: true, force: true });
  }

  async #closeFiles(): Promise<void> {
    for (const file of this.#files.values()) await file.close();
  }
}

function readJournal(folder: string): Journal {
  const path = join(folder, JOURNAL);
  if (!existsSync(path)) return { samples: 0, rows: 0, skipped: 0, bytes: {}, shapes: {} };
  return readJsonFile(path, journalSchema, TODO);
}

/** Throws a CoupletError for a folder that is no embedding, so that nothing else is lost. Undefined: there is nothing. */
export async function refuseForeign(out: string): Promise<'embedding' | undefined> {
  await mkdir(dirname(out), { recursive: true });
  const names = await readdir(out).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw systemFailure(error, 'Cannot write', out);
  });
  if (names.includes(EMBED_FILES.record)) return 'embedding';
  if (names.length === 0) return undefined;
  throw new CoupletError(`${out} holds other files, and no embedding. Choose another --out.`);
}

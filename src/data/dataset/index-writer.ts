import { basename, dirname, join } from 'node:path';
import type { Classes } from './classes.ts';
import { ColumnsBuilder, captionIn, imageIn, noCaption, unreadableCaption } from './columns.ts';
import { type LeftOut, LeftOutFiles } from './left-out.ts';
import { ProblemLog } from './problems.ts';
import { captionsIn, isUnreadable } from './values.ts';

export interface IndexedSource {
  classes: Classes | undefined;
  /** Some samples have their own caption. */
  captioned: boolean;
  labelled: boolean;
  /** Caption's field in a JSON member. */
  captionKey?: string;
}

interface Caption {
  in: number;
  offset: number;
  length: number;
}

/** Collects the samples of all sources. */
export class IndexWriter {
  readonly columns = new ColumnsBuilder();
  /** Archives, and folders of single files. */
  readonly containers: string[] = [];
  /** Samples left out. */
  readonly problems = new ProblemLog();
  /** Samples that are in, but not with the label or caption that they have. */
  readonly unlabelled = new ProblemLog();
  readonly uncaptioned = new ProblemLog();
  readonly #leftOut = new LeftOutFiles();
  readonly spoolFolder: () => string;
  readonly #indices = new Map<string, number>();

  constructor(spoolFolder: () => string) {
    this.spoolFolder = spoolFolder;
  }

  get leftOut(): readonly LeftOut[] {
    return this.#leftOut.list();
  }

  /** A file that is no sample and no part of one. */
  leaveOut(path: string, kind?: string): void {
    this.#leftOut.add(path, kind);
  }

  container(path: string): number {
    const known = this.#indices.get(path);
    if (known !== undefined) return known;
    this.#indices.set(path, this.containers.length);
    return this.containers.push(path) - 1;
  }

  addFile(path: string, label: number, caption: Caption = noCaption): void {
    const name = this.columns.text(basename(path));
    const image = { in: imageIn.file, container: this.container(dirname(path)), ...name };
    this.columns.add({ image, caption, label });
  }

  /** Of a sample that is a file. */
  path(sample: number): string {
    const { container, name } = this.columns.file(sample);
    return join(this.containers[container]!, name);
  }

  /** A sample whose image lies in a larger file. */
  addSlice(
    slice: { container: number; offset: number; length: number },
    label: number,
    caption: Caption = noCaption,
  ): void {
    this.columns.add({ image: { in: imageIn.archive, ...slice }, caption, label });
  }

  /** Keeps the captions of a cell. */
  caption(value: unknown, sample: () => string, damaged = false): Caption {
    const texts = captionsIn(value, damaged);
    if (isUnreadable(texts)) {
      this.uncaptioned.add(sample(), texts.unreadable);
      return unreadableCaption;
    }
    if (texts.length === 0) return noCaption;
    const place = texts.length === 1 ? captionIn.arena : captionIn.arenaList;
    return { in: place, ...this.columns.text(texts.join('\0')) };
  }
}

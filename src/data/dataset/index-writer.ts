import { basename, dirname } from 'node:path';
import type { Classes } from './classes.ts';
import { ColumnsBuilder, captionIn, imageIn, noCaption } from './columns.ts';
import { ProblemLog } from './problems.ts';

export interface IndexedSource {
  classes: Classes | undefined;
  /** Some samples have their own caption. */
  captioned: boolean;
  labelled: boolean;
  /** Caption's field in a JSON member. */
  captionKey?: string;
}

/** Collects the samples of all sources. */
export class IndexWriter {
  readonly columns = new ColumnsBuilder();
  /** Archives, and folders of single files. */
  readonly containers: string[] = [];
  readonly problems = new ProblemLog();
  readonly spoolFolder: () => string;
  readonly #indices = new Map<string, number>();

  constructor(spoolFolder: () => string) {
    this.spoolFolder = spoolFolder;
  }

  container(path: string): number {
    const known = this.#indices.get(path);
    if (known !== undefined) return known;
    this.#indices.set(path, this.containers.length);
    return this.containers.push(path) - 1;
  }

  addFile(path: string, label: number, caption?: string): void {
    const name = this.columns.text(basename(path));
    const image = { in: imageIn.file, container: this.container(dirname(path)), ...name };
    this.columns.add({ image, caption: this.#inArena(caption), label });
  }

  /** A sample whose image lies in a larger file. */
  addSlice(
    slice: { container: number; offset: number; length: number },
    label: number,
    caption?: string,
  ): void {
    this.columns.add({ image: { in: imageIn.archive, ...slice }, caption: this.#inArena(caption), label });
  }

  #inArena(caption: string | undefined): { in: number; offset: number; length: number } {
    return caption === undefined ? noCaption : { in: captionIn.arena, ...this.columns.text(caption) };
  }
}

import { basename, dirname } from 'node:path';
import type { Classes } from './classes.ts';
import { ColumnsBuilder, captionIn, imageIn, noCaption } from './columns.ts';
import { ProblemLog } from './problems.ts';

/** What one source turned out to hold. Its samples follow those of the sources before it. */
export interface IndexedSource {
  classes: Classes | undefined;
  /** Some samples have a caption of their own. */
  captioned: boolean;
  labelled: boolean;
  /** The field of a JSON member that holds the caption. */
  captionKey?: string;
}

/** Where all sources write their samples. */
export class IndexWriter {
  readonly columns = new ColumnsBuilder();
  /** Archives, and folders of single files. */
  readonly containers: string[] = [];
  readonly problems = new ProblemLog();
  readonly spoolFolder: () => string;
  readonly #known = new Map<string, number>();

  constructor(spoolFolder: () => string) {
    this.spoolFolder = spoolFolder;
  }

  container(path: string): number {
    const known = this.#known.get(path);
    if (known !== undefined) return known;
    this.#known.set(path, this.containers.length);
    return this.containers.push(path) - 1;
  }

  /** A sample whose image is a file of its own. */
  addFile(path: string, label: number, caption?: string): void {
    const name = this.columns.text(basename(path));
    const image = { in: imageIn.file, container: this.container(dirname(path)), ...name };
    this.columns.add({ image, caption: this.#inArena(caption), label });
  }

  /** A sample whose image lies in a larger file, its caption in memory. */
  addSlice(
    place: { container: number; offset: number; length: number },
    label: number,
    caption?: string,
  ): void {
    this.columns.add({ image: { in: imageIn.archive, ...place }, caption: this.#inArena(caption), label });
  }

  #inArena(caption: string | undefined): { in: number; offset: number; length: number } {
    return caption === undefined ? noCaption : { in: captionIn.arena, ...this.columns.text(caption) };
  }
}

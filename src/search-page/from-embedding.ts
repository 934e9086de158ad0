import { basename, resolve } from 'node:path';
import { Embedding } from '../embed/embedding.ts';
import { openRunOf } from '../search/index.ts';
import type { PagePictures } from './pictures.ts';
import { refuseExisting, type WrittenPage, writeSearchPage } from './write-page.ts';

export interface EmbeddingPageOptions {
  /** Folder of the run; default that of the record. */
  run?: string;
  /** `path=value` changes to its config, such as device=cpu. */
  set?: readonly string[];
  /** Default: the folder's name. */
  title?: string;
  onProgress?: (done: number, total: number) => void;
}

/**
 * Writes the search page of a folder that `couplet embed` wrote (docs/search.md).
 * Throws as writeSearchPage, and a CoupletError when the run is gone or has other weights.
 */
export async function pageOfEmbedding(
  folder: string,
  out: string,
  { run: runDir, set = [], title = basename(resolve(folder)), onProgress }: EmbeddingPageOptions,
): Promise<WrittenPage> {
  refuseExisting(out);
  const embedding = await Embedding.open(folder);
  try {
    // Quantised towers are compared with exact features.
    const options = { ...(runDir !== undefined && { run: runDir }), set: [...set, 'precision=float32'] };
    const run = await openRunOf(embedding, options);
    try {
      const pictures = picturesOf(embedding);
      const total = pictures.rows.length;
      return await writeSearchPage(out, {
        title,
        pictures,
        run,
        onProgress: (done) => onProgress?.(done, total),
      });
    } finally {
      run.close();
    }
  } finally {
    embedding.close();
  }
}

function picturesOf(embedding: Embedding): PagePictures {
  const { rows, width } = embedding.record;
  return {
    dim: width,
    vectors: embedding.vectors(),
    rows: Array.from({ length: rows }, (_, row) => {
      const { caption, class: name, path } = embedding.row(row);
      const text = caption ?? name;
      return { ...(text !== undefined && { caption: text }), ...(path !== undefined && { path }) };
    }),
    readPicture: (row) => embedding.readPicture(row),
  };
}

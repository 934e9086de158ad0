// Messages between the page and its worker.

/** What is searched for. */
export type Query =
  | { readonly type: 'words'; readonly text: string }
  | { readonly type: 'picture'; readonly picture: Blob }
  /** Pictures like the one of this row. */
  | { readonly type: 'like'; readonly row: number };

export interface Search {
  readonly id: number;
  readonly query: Query;
  /** Most results. */
  readonly limit: number;
}

/** What is loaded: vectors first, then what words need; the image tower only for a first picture. */
export type Part = 'vectors' | 'words' | 'pictures';

export type Reply =
  /** Bytes; `loaded` equals `total` at the end. */
  | { readonly type: 'progress'; readonly part: Part; readonly loaded: number; readonly total: number }
  /** All that searching by words needs is there. */
  | { readonly type: 'ready' }
  | {
      readonly type: 'found';
      readonly id: number;
      readonly rows: readonly number[];
      /** Cosine similarities. */
      readonly scores: readonly number[];
      /** Of the towers and of the search itself. */
      readonly milliseconds: { readonly encode: number; readonly search: number };
    }
  | { readonly type: 'failed'; readonly id: number; readonly message: string }
  /** Nothing can be searched by words, or at all. */
  | { readonly type: 'broken'; readonly message: string };

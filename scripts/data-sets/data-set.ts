/** Samples by part: { train: 50000, test: 10000 }. */
export type Parts = Record<string, number>;

export interface BuildOptions {
  /** The archive or folder, where the data set has a download. */
  from?: string;
  /** Side of the pictures in pixels, where it can be chosen. */
  size?: number;
}

/** A data set that `scripts/make-data` builds. */
export interface DataSet {
  name: string;
  /** One line for --help. */
  summary: string;
  /** What a person downloads first; absent where npm packages are the source. */
  download?: { file: string; url: string; size: string; otherwise: string };
  /** Samples of each part in the data set of docs/results. */
  expected: Parts;
  /** Replaces the folder `out` by the whole data set, with a dataset.json. */
  build(out: string, options: BuildOptions): Promise<Parts>;
}

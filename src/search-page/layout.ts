// What lies in a page's folder. The writer and the browser share these names; nothing here is of Node.

import type { CheckedJson } from '../data/tokenizer/json.ts';
import type { TextFrame } from '../data/tokenizer/tokenizer.ts';

/** `page.json`, which the browser reads first. */
export interface PageFacts {
  /** N, pictures. */
  readonly count: number;
  /** E, numbers of a vector. */
  readonly dim: number;
  /** Rows without a thumbnail: their pictures could not be read. */
  readonly unreadable: readonly number[];
  readonly vectors: PageFile;
  readonly engine: PageFile;
  readonly image?: ImageTower;
  readonly text?: TextTower;
}

/** Hosts compress, so that the browser cannot learn a file's length from its headers. */
export interface PageFile {
  /** Path in the folder. */
  readonly file: string;
  readonly bytes: number;
}

export interface TowerFile extends PageFile {
  /** Names in the ONNX graph. */
  readonly input: string;
  readonly output: string;
}

export interface ImageTower extends TowerFile {
  /** S, in pixels. */
  readonly imageSize: number;
  readonly interpolation: 'bicubic' | 'bilinear';
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

export interface TextTower extends TowerFile {
  readonly tokenizer: PageFile;
  /** Ids after the end of the text change nothing. */
  readonly cut: boolean;
}

/** `tokenizer.json`: what makes Couplet's tokenizer, checked by the writer. */
export type PageTokenizer = { readonly contextLength: number; readonly frame?: TextFrame } & (
  | { readonly type: 'clip'; readonly merges: readonly (readonly [string, string])[] }
  | {
      readonly type: 'json';
      readonly json: CheckedJson;
      readonly startOfText?: number;
      readonly endOfText: number;
    }
);

/** A picture, as `rows/K.json` lists it. */
export interface PageRow {
  readonly caption?: string;
  /** Path of the picture below the folder that all pictures share. */
  readonly name?: string;
}

export const FILES = {
  facts: 'page.json',
  html: 'index.html',
  style: 'page.css',
  page: 'page.js',
  worker: 'worker.js',
  engine: 'ort.js',
  wasm: 'ort.wasm',
  vectors: 'vectors.bin',
  tokenizer: 'tokenizer.json',
  licences: 'licences.txt',
} as const;

/** So that a first result needs little, and a folder stays small enough to be listed. */
export const ROWS_PER_FILE = 500;

export const rowsFile = (part: number): string => `rows/${part}.json`;

export const thumbnailFile = (row: number): string =>
  `thumbnails/${Math.floor(row / ROWS_PER_FILE)}/${row}.webp`;

import { z } from 'zod';

/** Prompt templates for a class name, such as 'a photo of a {}.'; each holds `{}`. */
const templates = z
  .array(z.string().refine((text) => text.includes('{}'), 'a template holds {} where the class name goes'))
  .min(1)
  .optional();

/** Class names in label order, or the path of a JSON file: an array of strings, or of { label, names: [...] }. */
const classNames = z.union([z.array(z.string()).min(1), z.string()]).optional();

const column = z.string().min(1).optional();

/**
 * root/CLASS/*.{jpg,jpeg,png,webp}: classes sorted by name, the caption is a template with the class name. Without sub-folders, or with
 * `labelled: false`: all pictures below root, of no class.
 */
export const folderSource = z.strictObject({
  type: z.literal('folder'),
  path: z.string().min(1),
  /** Whether sub-folders are classes; default: where there are any. */
  labelled: z.boolean().optional(),
  templates,
});

/** A .csv, .tsv or .jsonl file with a path and a caption (or a label) in each row. */
export const manifestSource = z.strictObject({
  type: z.literal('manifest'),
  path: z.string().min(1),
  /** Default: the first of filepath, path, image, image_path that exists. */
  imageColumn: column,
  /** Default: the first of title, caption, text that exists. */
  captionColumn: column,
  labelColumn: column,
  /** What relative image paths are relative to; default: the manifest's folder. */
  root: z.string().optional(),
  classNames,
  templates,
});

/** Tar shards; a sample is a run of members with the same name up to the first dot. */
export const webdatasetSource = z.strictObject({
  type: z.literal('webdataset'),
  /** Paths, with `{000..012}` and `{a,b}` expanded. */
  path: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
  /** The field of KEY.json that holds the caption, when there is no KEY.txt. */
  captionKey: z.string().default('caption'),
  /** The field of KEY.json that holds the label, when there is no KEY.cls. */
  labelKey: z.string().default('label'),
  classNames,
  templates,
});

/** Parquet as Hugging Face lays it out: images as struct<bytes, path> or as plain bytes. */
export const parquetSource = z.strictObject({
  type: z.literal('parquet'),
  path: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
  /** Default: the first of image, img, jpg, png, bytes that exists. */
  imageColumn: column,
  /** Default: the first of caption, text, title that exists. */
  captionColumn: column,
  /** Default: `label` when it exists. */
  labelColumn: column,
  classNames,
  templates,
});

/** Where samples come from. Strict: a misspelled key is an error. */
export const sourceSchema = z.discriminatedUnion('type', [
  folderSource,
  manifestSource,
  webdatasetSource,
  parquetSource,
]);

/** A source as a person writes it. */
export type SourceInput = z.input<typeof sourceSchema>;
/** A source with its defaults filled in. */
export type SourceConfig = z.output<typeof sourceSchema>;
export type FolderSource = z.output<typeof folderSource>;
export type ManifestSource = z.output<typeof manifestSource>;
export type WebdatasetSource = z.output<typeof webdatasetSource>;
export type ParquetSource = z.output<typeof parquetSource>;

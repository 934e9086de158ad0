import { z } from 'zod';
import { folder } from './folder.ts';
import { manifest } from './manifest.ts';
import { parquet } from './parquet.ts';
import { webdataset } from './webdataset.ts';

/** Every kind of source. To add one: write its file beside these, and put it here. */
export const sources = [folder, manifest, webdataset, parquet] as const;

const schemasOf = <T extends readonly { schema: z.ZodObject }[]>(list: T) =>
  list.map(({ schema }) => schema) as unknown as { -readonly [K in keyof T]: T[K]['schema'] };

/** Where samples come from: one source of a config. */
export const sourceSchema = z.discriminatedUnion('type', schemasOf(sources));

/** A source as a person writes it. */
export type SourceInput = z.input<typeof sourceSchema>;
/** A source with its defaults filled in. */
export type SourceConfig = z.output<typeof sourceSchema>;

/** The source that a path alone means: `pairs.csv` is a manifest, `photos` a folder. */
export function sourceOfPath(path: string): SourceInput {
  const { type } = sources.find(({ paths }) => paths?.test(path)) ?? folder;
  return { type, path } as SourceInput;
}

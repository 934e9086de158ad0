import { z } from 'zod';
import { folder } from './folder.ts';
import { manifest } from './manifest.ts';
import { parquet } from './parquet.ts';
import { webdataset } from './webdataset.ts';

/** A new source: write its file beside these, and add it here. */
export const sources = [folder, manifest, webdataset, parquet] as const;

const schemasOf = <T extends readonly { schema: z.ZodObject }[]>(list: T) =>
  list.map(({ schema }) => schema) as unknown as { -readonly [K in keyof T]: T[K]['schema'] };

export const sourceSchema = z.discriminatedUnion('type', schemasOf(sources));

export type SourceInput = z.input<typeof sourceSchema>;
/** With defaults. */
export type SourceConfig = z.output<typeof sourceSchema>;

/** `pairs.csv` means a manifest, `photos` a folder. */
export function sourceOfPath(path: string): SourceInput {
  const { type } = sources.find(({ paths }) => paths?.test(path)) ?? folder;
  return { type, path } as SourceInput;
}

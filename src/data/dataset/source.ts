import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { expand } from 'brace-expansion';
import { z } from 'zod';
import { CoupletError } from '../../errors.ts';
import type { IndexedSource, IndexWriter } from './index-writer.ts';
import { templateSchema } from './template.ts';

interface SourceDefinition<Type extends string, Options extends z.ZodRawShape> {
  /** `type` in a config. */
  type: Type;
  summary: string;
  /** Paths that mean this source on the command line; others mean a folder. */
  paths?: RegExp;
  /** Keys beside `type`. */
  options: Options;
  /**
   * Adds every sample to `writer` in the order of ids, the same on every machine. Reads no pictures. Bad samples go to
   * `writer.problems`.
   * @throws CoupletError when the source cannot be opened
   */
  index(source: z.output<z.ZodObject<Options>>, writer: IndexWriter): IndexedSource | Promise<IndexedSource>;
}

/** A source for sources/index.ts. Its schema refuses unknown keys. */
export function defineSource<const Type extends string, Options extends z.ZodRawShape>({
  options,
  ...definition
}: SourceDefinition<Type, Options>) {
  return {
    ...definition,
    schema: z.strictObject({ type: z.literal(definition.type).describe(definition.summary), ...options }),
  };
}

const path = z.string().min(1);

export const pathOption = path;
export const patternsOption = z
  .union([path, z.array(path).min(1)])
  .describe('path of the files; `{000..012}` and `{a,b}` are expanded');
export const columnOption = z.string().min(1).optional();
export const classNamesOption = z
  .union([z.array(z.string()).min(1), z.string()])
  .optional()
  .describe('class names in label order, or a JSON file of them: a list, or { label, names: [...] }');
export const templatesOption = z
  .array(templateSchema)
  .min(1)
  .optional()
  .describe('captions for class names, each with {}; one is drawn for each sample and epoch');

/** A cut list would silently be a smaller data set. */
const UNLIMITED = { max: Number.POSITIVE_INFINITY, maxLength: Number.POSITIVE_INFINITY };

/**
 * Files of the patterns, in order. Missing ones go to `writer.problems`.
 * @throws CoupletError when a pattern matches no file
 */
export function filesOf(patterns: string | readonly string[], writer: IndexWriter): string[] {
  return [patterns].flat().flatMap((pattern) => {
    const paths = expand(pattern, UNLIMITED);
    const files = new Set(paths.filter((path) => existsSync(path)));
    if (files.size === 0) throw noFile(pattern, paths);
    for (const path of paths) if (!files.has(path)) writer.problems.add(path, 'there is no such file');
    return paths.filter((path) => files.has(path));
  });
}

function noFile(pattern: string, paths: readonly string[]): CoupletError {
  if (paths.length === 1) return doesNotExist('file', pattern);
  return new CoupletError(
    `\`${pattern}\` matches no file. The first of the ${paths.length} that it stands for is \`${paths[0]}\`. ` +
      'Check the folder and the number of digits in {000..012}.',
  );
}

export function doesNotExist(kind: 'file' | 'folder', path: string): CoupletError {
  if (isAbsolute(path)) return new CoupletError(`there is no ${kind} \`${path}\`.`);
  return new CoupletError(
    `there is no ${kind} \`${path}\` in ${process.cwd()}. Paths are relative to where the command runs.`,
  );
}

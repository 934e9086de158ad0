import { existsSync, readdirSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { expand } from 'brace-expansion';
import { z } from 'zod';
import { CoupletError } from '../../errors.ts';
import { isMachineFailure, systemCode, systemFailure } from '../../io/system-error.ts';
import type { IndexedSource, IndexWriter } from './index-writer.ts';
import { DamagedFile } from './problems.ts';
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

/**
 * Indexes the files of the patterns, in order. What missing and damaged files would have given is counted as lost, as estimated from
 * the whole files. A folder stands for its files with the ending.
 * @param indexFile throws a DamagedFile where a file ends too early
 * @throws CoupletError when a pattern matches no file
 */
export async function indexFiles(
  patterns: string | readonly string[],
  { writer, ending }: { writer: IndexWriter; ending: string },
  indexFile: (path: string) => void | Promise<void>,
): Promise<void> {
  const missing: string[] = [];
  const damaged: { path: string; reason: string; samples: number }[] = [];
  const whole = { files: 0, samples: 0 };
  const samplesSoFar = () => writer.columns.size + writer.problems.count;
  for (const path of filesOf(patterns, ending, missing)) {
    const start = samplesSoFar();
    try {
      await indexFile(path);
      whole.files++;
      whole.samples += samplesSoFar() - start;
    } catch (error) {
      if (isMachineFailure(error)) throw systemFailure(error, 'Cannot read', path);
      const isOfFile = error instanceof DamagedFile || systemCode(error) !== undefined;
      if (!isOfFile) throw error;
      const reason = (systemFailure(error, 'Cannot read', path) as Error).message;
      damaged.push({ path, reason, samples: samplesSoFar() - start });
    }
  }
  const usual = Math.round(whole.samples / Math.max(1, whole.files));
  for (const path of missing) writer.problems.add(path, 'there is no such file', Math.max(1, usual));
  for (const { path, reason, samples } of damaged)
    writer.problems.add(path, reason, Math.max(1, usual - samples));
}

function filesOf(patterns: string | readonly string[], ending: string, missing: string[]): string[] {
  return [patterns].flat().flatMap((pattern) => {
    refuseUrl(pattern);
    const paths = expandBraces(pattern);
    const files = new Set(paths.filter((path) => existsSync(path)));
    if (files.size === 0) throw noFile(pattern, paths);
    missing.push(...paths.filter((path) => !files.has(path)));
    return paths.filter((path) => files.has(path)).flatMap((path) => filesBelow(path, ending));
  });
}

function filesBelow(path: string, ending: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  const names = readdirSync(path).filter((name) => name.endsWith(ending) && !name.startsWith('.'));
  if (names.length > 0) return names.sort().map((name) => join(path, name));
  throw new CoupletError(
    `\`${path}\` is a folder without ${ending} files. Write the files, such as ${join(path, `{000..012}${ending}`)}.`,
  );
}

const MAX_FILES = 1_000_000;
/** A cut list would silently be a smaller data set. */
const UNLIMITED = { max: Number.POSITIVE_INFINITY, maxLength: Number.POSITIVE_INFINITY };

/** @throws CoupletError when there would be more than a million */
function expandBraces(pattern: string): string[] {
  if (atMost(pattern) <= MAX_FILES) return expand(pattern, UNLIMITED);
  throw new CoupletError(
    `\`${pattern}\` stands for more than ${MAX_FILES} files. Write fewer braces or digits.`,
  );
}

/** The number of paths of a pattern, or more: alternatives inside of others are multiplied. */
function atMost(pattern: string): number {
  let count = 1;
  let rest = pattern;
  const innermost = /\{([^{}]*)\}/;
  for (let match = innermost.exec(rest); match; match = innermost.exec(rest)) {
    const [from, to] = match[1]!.split('..').map(Number);
    const range = Number.isFinite(from) && Number.isFinite(to) ? Math.abs(to! - from!) + 1 : 0;
    const letters = /^.\.\..$/.test(match[1]!) ? 0x1_0000 : 0;
    count *= Math.max(range, range > 0 ? 0 : letters, match[1]!.split(',').length);
    rest = rest.replace(innermost, '');
  }
  return count;
}

export function refuseUrl(path: string): void {
  if (!/^[a-z][a-z0-9+.-]+:\/\//i.test(path) || existsSync(path)) return;
  throw new CoupletError(
    `\`${path}\` is an address: pictures are read from files. Download them first; img2dataset makes shards of a list of addresses.`,
  );
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

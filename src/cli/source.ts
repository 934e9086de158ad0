import { type SourceInput, sourceOfPath, sourceSchema } from '../data/dataset/sources/index.ts';
import { CoupletError } from '../errors.ts';

/**
 * The source of `--train` or `--test`: a path (`photos`, `pairs.csv`, `shards/{000..099}.tar`), or a source or a list of them as JSON.
 * @throws CoupletError when the JSON is no source
 */
export function sourceFlag(text: string, flag: string): SourceInput | SourceInput[] {
  if (!/^\s*[[{]/.test(text)) return sourceOfPath(text);
  const schema = sourceSchema.or(sourceSchema.array().min(1));
  const parsed = schema.safeParse(parseJson(text, flag));
  if (parsed.success) return parsed.data;
  const example = '{"type":"parquet","path":"test.parquet"}';
  throw new CoupletError(`${flag} ${text} is no source: expected a path, or JSON such as ${example}.`);
}

function parseJson(text: string, flag: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CoupletError(`${flag} ${text} looks like JSON and is none: ${(error as Error).message}`);
  }
}

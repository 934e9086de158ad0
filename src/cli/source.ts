import { type SourceInput, sourceOfPath, sourceSchema } from '../data/dataset/sources/index.ts';
import { CoupletError } from '../errors.ts';
import { parseJson } from '../io/json-file.ts';

const EXPECTED = 'expected a path, or JSON such as {"type":"parquet","path":"test.parquet"}.';

/** Reads a path (`photos`, `pairs.csv`, `shards/{000..099}.tar`), or one or more sources as JSON. Throws a CoupletError. */
export function sourceFlag(text: string, flag: string): SourceInput | SourceInput[] {
  if (!/^\s*[[{]/.test(text)) return sourceOfPath(text);
  const schema = sourceSchema.or(sourceSchema.array().min(1));
  const parsed = schema.safeParse(
    parseJson(text, { where: `${flag} ${text}`, todo: `It is no source: ${EXPECTED}` }),
  );
  if (parsed.success) return parsed.data;
  throw new CoupletError(`${flag} ${text} is not a source: ${EXPECTED}`);
}

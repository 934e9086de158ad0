import { type SourceInput, sourceSchema } from '../data/index/source.ts';
import { CoupletError } from '../errors.ts';

/** What --train and --test take: the path of a folder with one folder per class, or a source (or a list of them) as JSON, as configs have it. */
export function sourceFlag(text: string, flag: string): SourceInput | SourceInput[] {
  if (!/^\s*[[{]/.test(text)) return { type: 'folder', path: text };
  const schema = sourceSchema.or(sourceSchema.array().min(1));
  const parsed = schema.safeParse(parseJson(text, flag));
  if (parsed.success) return parsed.data;
  const example = '{"type":"parquet","path":"test.parquet"}';
  throw new CoupletError(`${flag} ${text} is no source: expected a folder, or JSON such as ${example}.`);
}

function parseJson(text: string, flag: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CoupletError(`${flag} ${text} looks like JSON and is none: ${(error as Error).message}`);
  }
}

import { z } from 'zod';
import { CoupletError } from '../errors.ts';
import { byteLength, type HostDtype } from './host-tensor.ts';
import { parseJson } from './json-file.ts';

export const DTYPE_CODES: Readonly<Record<HostDtype, string>> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint8: 'U8',
  bool: 'BOOL',
};
const DTYPES = new Map(Object.entries(DTYPE_CODES).map(([dtype, code]) => [code, dtype as HostDtype]));

export interface SafetensorsEntry {
  readonly dtype: HostDtype;
  readonly shape: readonly number[];
  /** Bytes from the start of the data. */
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  /** In the order of the data. */
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Bytes before the data. */
  readonly dataStart: number;
}

const size = z.int().min(0);
const entrySchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(size).max(64),
  data_offsets: z.tuple([size, size]),
});
const metadataSchema = z.record(z.string(), z.string());

interface Where {
  readonly path: string;
  readonly dataStart: number;
  readonly dataSize: number;
}

/** Checks a header against the format and the file's size. Throws a CoupletError. */
export function parseHeader(text: Buffer, { path, dataStart, dataSize }: Where): SafetensorsHeader {
  const fail = (what: string): never => {
    throw new CoupletError(`${path} is not a valid safetensors file: ${what}. Copy or write it again.`);
  };
  const fields = parseFields(text, fail);
  const metadata = metadataSchema.safeParse(fields.get('__metadata__') ?? {});
  if (!metadata.success) return fail('__metadata__ is not an object of strings');
  fields.delete('__metadata__');
  const entries = [...fields].map(([name, value]) => [name, parseEntry(name, value, fail)] as const);
  entries.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let expectedBegin = 0;
  for (const [name, { begin, end }] of entries) {
    if (begin !== expectedBegin)
      fail(
        `tensor '${name}' begins at byte ${begin}, expected ${expectedBegin}: tensors overlap or leave a gap`,
      );
    expectedBegin = end;
  }
  if (expectedBegin !== dataSize)
    fail(`its tensors take ${expectedBegin} bytes, the file has ${dataSize} for them`);
  return { entries: new Map(entries), metadata: metadata.data, dataStart };
}

type Fail = (what: string) => never;

function parseEntry(name: string, value: unknown, fail: Fail): SafetensorsEntry {
  const parsed = entrySchema.safeParse(value);
  if (!parsed.success) {
    return fail(
      `tensor '${name}' needs dtype, shape and data_offsets of whole numbers, it has ${JSON.stringify(value)?.slice(0, 200)}`,
    );
  }
  const { dtype: code, shape, data_offsets: offsets } = parsed.data;
  const dtype = DTYPES.get(code);
  if (!dtype)
    return fail(`tensor '${name}' has the dtype ${code}, known are ${[...DTYPES.keys()].join(', ')}`);
  const [begin, end] = offsets;
  const expected = byteLength(dtype, shape);
  if (end - begin !== expected) {
    return fail(
      `tensor '${name}' of ${code} [${shape}] takes ${expected} bytes, its offsets [${offsets}] give ${end - begin}`,
    );
  }
  return { dtype, shape, begin, end };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Refuses equal names, of which JSON.parse silently keeps the last. */
function parseFields(bytes: Buffer, fail: Fail): Map<string, unknown> {
  let parsed: unknown;
  let twice: string | undefined;
  try {
    const text = utf8.decode(bytes);
    parsed = parseJson(text, { where: 'its header', todo: '', anyKeys: true });
    twice = topLevelNames(text).find((name, i, names) => i > 0 && name === names[i - 1]);
  } catch (error) {
    return fail((error as Error).message.replace(/\. $/, ''));
  }
  if (twice !== undefined) fail(`it has two tensors '${twice}'`);
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed))
    return fail('its header is not an object');
  return new Map(Object.entries(parsed));
}

/** Top-level keys, sorted. */
function topLevelNames(json: string): string[] {
  const names: string[] = [];
  let depth = 0;
  for (const match of json.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?|[{}[\]]/g)) {
    const token = match[0];
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
    else if (depth === 1 && match[1]) names.push(JSON.parse(token.slice(0, -match[1].length)) as string);
  }
  return names.sort();
}

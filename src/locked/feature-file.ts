// A file of what frozen towers gave for a data set, so that the next run need not encode it. n samples, E embedding, L context length.
import { createHash } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Problems } from '../data/index.ts';
import { removeStale, temporaryName } from '../io/atomic.ts';
import type { HostTensor } from '../io/host-tensor.ts';
import { parseJson } from '../io/json-file.ts';
import { readSafetensors, writeSafetensors } from '../io/safetensors.ts';
import type { NamedParams } from '../nn/module.ts';

const VERSION = 1;

export interface KeptFeatures {
  /** `image` [n, E] and, of a frozen text tower, `text` [captions, E], in float16; `sizes` [n, 2] and `tokens` [n, L] in int32. */
  tensors: ReadonlyMap<string, HostTensor>;
  problems: Problems;
}

const factsSchema = z.object({
  digest: z.string(),
  problems: z.strictObject({
    count: z.int().min(0),
    first: z.array(z.strictObject({ name: z.string(), reason: z.string(), samples: z.int().optional() })),
  }),
});

/** @param key all that the numbers depend on, as plain data */
export function featureFilePath(folder: string, key: object): string {
  const digest = createHash('sha256')
    .update(JSON.stringify({ VERSION, ...key }))
    .digest('hex');
  return join(folder, `${digest.slice(0, 32)}.features.safetensors`);
}

/** SHA-256 (hex) of tensors and their names. */
export function weightsDigest(tensors: NamedParams): string {
  const hash = createHash('sha256');
  for (const [name, tensor] of tensors) {
    const { buffer, byteOffset, byteLength } = tensor.toArray();
    hash
      .update(`${name} ${tensor.dtype} ${tensor.shape}\n`)
      .update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest('hex');
}

export interface ExpectedFeatures {
  /** n, E and L */
  rows: number;
  embedDim: number;
  contextLength: number;
  texts: boolean;
}

function isExpected(
  tensors: KeptFeatures['tensors'],
  { rows, embedDim, contextLength, texts }: ExpectedFeatures,
): boolean {
  const has = (name: string, dtype: string, shape: readonly number[]) => {
    const tensor = tensors.get(name);
    return tensor?.dtype === dtype && String(tensor.shape) === String(shape);
  };
  const captions = tensors.get('text')?.shape[0];
  return (
    has('image', 'float16', [rows, embedDim]) &&
    has('sizes', 'int32', [rows, 2]) &&
    has('tokens', 'int32', [rows, contextLength]) &&
    (captions === undefined ? !texts : has('text', 'float16', [captions, embedDim]))
  );
}

/** undefined when the file is missing, damaged, or of other sizes. */
export async function readFeatures(
  path: string,
  expected: ExpectedFeatures,
): Promise<KeptFeatures | undefined> {
  try {
    const { tensors, metadata } = await readSafetensors(path);
    const { digest, problems } = factsSchema.parse(
      parseJson(metadata.couplet ?? '', { where: path, todo: '' }),
    );
    return isExpected(tensors, expected) && digest === digestOf(tensors)
      ? { tensors, problems: problems as Problems }
      : undefined;
  } catch {
    return undefined;
  }
}

/** Whole, or not at all. Returns why it could not be written. */
export async function writeFeatures(
  path: string,
  { tensors, problems }: KeptFeatures,
): Promise<string | undefined> {
  const { count, first } = problems;
  const facts = { digest: digestOf(tensors), problems: { count, first } };
  const temporary = temporaryName(path);
  try {
    await mkdir(dirname(path), { recursive: true });
    await removeStale(dirname(path));
    await writeSafetensors(temporary, tensors, { couplet: JSON.stringify(facts) });
    await rename(temporary, path);
    return undefined;
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

function digestOf(tensors: ReadonlyMap<string, HostTensor>): string {
  const hash = createHash('sha256');
  for (const name of [...tensors.keys()].sort()) {
    const { dtype, shape, data } = tensors.get(name)!;
    hash.update(`${name} ${dtype} ${shape}\n`).update(data);
  }
  return hash.digest('hex');
}

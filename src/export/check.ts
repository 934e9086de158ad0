import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodePixels, openPicture } from '../data/pictures/decode.ts';
import { loadTokenizer } from '../data/tokenizer/tokenizer.ts';
import { CoupletError, withCleanUp } from '../errors.ts';
import { systemFailure } from '../io/system-error.ts';
import { openOnnx } from '../onnx/index.ts';
import { tensor } from '../torch/index.ts';
import { joined, lowestCosine, type Rows, rowsOf, unitRows, worstDifference } from './features.ts';
import { asRows, PARITY_FILE, type Parity, type ParityFile, readParity } from './parity.ts';
import { normalised } from './pixels.ts';
import { reload } from './reload.ts';
import { sha256 } from './test-pictures.ts';
import { inputsOf, outputNames } from './write-onnx.ts';

export interface FileCheck {
  file: string;
  /** Greatest difference of a feature from the run's, relative to the largest number of these. */
  worst: number;
  /** Lowest cosine of a feature with the run's. */
  cosine: number;
  /** The greatest `worst`, or else the lowest `cosine`, that passes. */
  bar: { worst: number } | { cosine: number };
  passes: boolean;
}

export interface ExportCheck {
  folder: string;
  target: string;
  files: FileCheck[];
  passes: boolean;
}

/**
 * Computes the features of an exported folder's test pictures and texts from its files, and compares them with those of the run.
 * Throws a CoupletError for a folder that is no export, is damaged, or whose tokenizer gives other ids.
 */
export async function checkExport(folder: string): Promise<ExportCheck> {
  const parity = readParity(folder);
  const inputs = await inputsIn(folder, parity);
  const files: FileCheck[] = [];
  for (const file of parity.files) files.push(await checkFile(folder, file, { parity, inputs }));
  return { folder, target: parity.target, files, passes: files.every(({ passes }) => passes) };
}

interface Inputs {
  /** [N, 3, S, S] */
  pixels: Float32Array<ArrayBuffer>;
  /** [M, L] */
  ids?: Int32Array;
  length: number;
}

export async function inputsIn(folder: string, parity: Omit<Parity, 'files'>): Promise<Inputs> {
  const cuts: Uint8Array[] = [];
  for (const { cut, sha256: expected } of parity.pictures) {
    const path = join(folder, cut);
    const { data } = await decodePixels(await openPicture(bytesOf(path), { minSide: 1, maxPixels: 1e8 }));
    if (sha256(data) !== expected)
      throw new CoupletError(`${path} has other pixels than ${PARITY_FILE} says: export again.`);
    cuts.push(data);
  }
  const pixels = normalised(joined(cuts), parity.imageSize, parity);
  const { texts } = parity;
  if (!texts) return { pixels, length: 0 };
  const length = texts[0]!.ids.length;
  const tokenizer = await loadTokenizer(
    { type: 'file', path: join(folder, 'tokenizer.json') },
    { contextLength: length, ...(parity.frame && { frame: parity.frame }) },
  );
  for (const { text, ids } of texts)
    if (tokenizer.encode(text).join() !== ids.join())
      throw new CoupletError(
        `${join(folder, 'tokenizer.json')} gives other ids than the run for ${JSON.stringify(text.slice(0, 40))}: export again.`,
      );
  return { pixels, ids: Int32Array.from(texts.flatMap(({ ids }) => ids)), length };
}

function bytesOf(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw systemFailure(error, 'Cannot read', path);
  }
}

interface Compared {
  parity: Pick<Parity, 'features' | 'imageSize'>;
  inputs: Inputs;
}

/** A file against the run's features. */
export async function checkFile(folder: string, file: ParityFile, compared: Compared): Promise<FileCheck> {
  const { parity } = compared;
  const actual =
    file.kind === 'weights' ? await ofWeights(folder, compared) : await ofOnnx(folder, file, compared);
  const pairs = (['image', 'text'] as const).flatMap((part) => {
    const [rows, expected] = [actual[part], parity.features[part]];
    return rows && expected ? [[unitRows(rows), asRows(expected)] as const] : [];
  });
  if (pairs.length === 0) throw new CoupletError(`${folder}: ${file.file} has nothing to compare.`);
  const worst = Math.max(...pairs.map(([rows, expected]) => worstDifference(rows, expected)));
  const cosine = Math.min(...pairs.map(([rows, expected]) => lowestCosine(rows, expected)));
  const bar = file.worst === undefined ? { cosine: file.cosine ?? -1 } : { worst: file.worst };
  const passes = file.worst === undefined ? cosine >= (file.cosine ?? -1) : worst <= file.worst;
  return { file: file.file, worst, cosine, bar, passes };
}

type Actual = { image?: Rows; text?: Rows };

async function ofWeights(folder: string, { parity: { imageSize }, inputs }: Compared): Promise<Actual> {
  const { pixels, ids, length } = inputs;
  const model = await reload(folder);
  const count = pixels.length / (3 * imageSize ** 2);
  try {
    return {
      image: rowsOf(() => model.images(tensor(pixels, [count, 3, imageSize, imageSize]))),
      ...(model.texts &&
        ids && { text: rowsOf(() => model.texts!(tensor(ids, [ids.length / length, length]))) }),
    };
  } finally {
    model.dispose();
  }
}

async function ofOnnx(folder: string, file: ParityFile, { parity, inputs }: Compared): Promise<Actual> {
  const part = file.kind as Exclude<ParityFile['kind'], 'weights'>;
  const data = (file.data ?? []).map((name) => join(folder, name));
  const model = await openOnnx(join(folder, file.file), data);
  return withCleanUp(
    async () => {
      const family = model.outputs.includes('pooler_output') && part !== 'encoder' ? 'siglip' : 'clip';
      const names = outputNames(part, family);
      const given = inputsOf(part, { ...inputs, family, side: parity.imageSize });
      const known = Object.entries(given).filter(([name]) => model.inputs.includes(name));
      const outputs = await model.run(Object.fromEntries(known));
      const rows = (name: string | undefined) =>
        name ? { rows: outputs[name] as unknown as Rows } : undefined;
      const [image, text] = [rows(names.image), rows(names.text)];
      return { ...(image && { image: image.rows }), ...(text && { text: text.rows }) };
    },
    () => model.close(),
  );
}

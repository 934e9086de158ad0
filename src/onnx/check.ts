import { rm } from 'node:fs/promises';
import { CoupletError, withCleanUp } from '../errors.ts';
import { type OnnxTensor, openOnnx } from './run.ts';
import { variants } from './variants/index.ts';
import { type OnnxFile, type OnnxOptions, writeOnnx } from './write.ts';

/** Inputs of a file, with the run's features of them: outputs of the file, at any length of rows. */
export interface OnnxSamples {
  inputs: Readonly<Record<string, OnnxTensor>>;
  features: Readonly<Record<string, OnnxTensor>>;
}

/** Cosines of rows of a file's features with the run's. */
export interface Agreement {
  /** Mean. */
  cosine: number;
  lowest: number;
  rows: number;
}

export type CheckedOnnx =
  | { file: OnnxFile; agreement: Agreement }
  /** Too large for onnxruntime-web; never a quantised file. */
  | { file: OnnxFile; unchecked: string }
  | { refused: string; agreement?: Agreement };

/** WebAssembly has 4 GiB, and a runtime keeps weights twice while it loads them. */
const MOST_BYTES = 1.5e9;

/**
 * Writes a file, runs it in onnxruntime-web, and removes it when the mean cosine of its features with the run's is below the
 * variant's bar. Errors as writeOnnx and openOnnx.
 */
export async function writeCheckedOnnx(
  path: string,
  options: OnnxOptions & { samples: readonly OnnxSamples[] },
): Promise<CheckedOnnx> {
  const { samples, ...rest } = options;
  const { name, leastCosine, quantized } = variants[options.variant ?? 'fp32'];
  const file = await writeOnnx(path, rest);
  const refuse = async (refused: string, agreement?: Agreement) => {
    for (const each of [file.path, ...file.dataPaths]) await rm(each);
    return { refused, ...(agreement && { agreement }) };
  };
  if (file.bytes > MOST_BYTES) {
    const unchecked = `${name}: ${file.bytes} bytes are too many to run in WebAssembly, so its features are not compared.`;
    return quantized ? refuse(unchecked) : { file, unchecked };
  }
  const agreement = await agreementOf(file, samples);
  if (agreement.cosine >= leastCosine) return { file, agreement };
  return refuse(
    `${name}: the cosine of its features with the run's is ${agreement.cosine.toFixed(4)}, expected at least ${leastCosine}. Use a file with more bits.`,
    agreement,
  );
}

async function agreementOf(file: OnnxFile, samples: readonly OnnxSamples[]): Promise<Agreement> {
  const model = await openOnnx(file.path, file.dataPaths);
  const compare = async () => {
    const cosines: number[] = [];
    for (const { inputs, features } of samples) {
      const outputs = await model.run(inputs);
      for (const [name, expected] of Object.entries(features)) {
        const actual = outputs[name];
        if (!actual)
          throw new CoupletError(`${file.path} has no output ${name}: it has ${model.outputs.join(', ')}.`);
        cosines.push(...cosinesOf(actual, expected));
      }
    }
    const lowest = cosines.reduce((least, each) => Math.min(least, each), 1);
    const cosine = cosines.reduce((sum, each) => sum + each, 0) / cosines.length;
    return { cosine, lowest, rows: cosines.length };
  };
  return withCleanUp(compare, () => model.close());
}

function cosinesOf(actual: OnnxTensor, expected: OnnxTensor): number[] {
  if (actual.shape.join() !== expected.shape.join())
    throw new CoupletError(`ONNX: features are [${actual.shape}], expected [${expected.shape}].`);
  const [rows, width] = expected.shape as [number, number];
  return Array.from({ length: rows }, (_, row) => {
    let [dot, a2, b2] = [0, 0, 0];
    for (let i = row * width; i < (row + 1) * width; i++) {
      const [a, b] = [Number(actual.data[i]), Number(expected.data[i])];
      dot += a * b;
      a2 += a * a;
      b2 += b * b;
    }
    return dot / Math.sqrt(a2 * b2);
  });
}

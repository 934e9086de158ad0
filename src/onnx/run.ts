import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { InferenceSession, Tensor } from 'onnxruntime-web';
import { CoupletError } from '../errors.ts';
import { systemFailure } from '../io/system-error.ts';

/** Row-major numbers. Ids are int64. */
export interface OnnxTensor {
  shape: readonly number[];
  data: Float32Array | BigInt64Array;
}

/** A file that onnxruntime-web (WASM, one thread) has loaded. */
export interface OnnxModel {
  inputs: readonly string[];
  outputs: readonly string[];
  /** Throws a CoupletError for an input of another shape. */
  run(inputs: Readonly<Record<string, OnnxTensor>>): Promise<Record<string, OnnxTensor>>;
  close(): Promise<void>;
}

/** Opens a model with the files that hold its tensors. Throws a CoupletError when it cannot be loaded. */
export async function openOnnx(path: string, dataPaths: readonly string[] = []): Promise<OnnxModel> {
  const runtime = await import('onnxruntime-web');
  runtime.env.wasm.numThreads = 1; // the same sums on every machine
  const read = (file: string) =>
    readFile(file).catch((cause) => {
      throw systemFailure(cause, 'Cannot read', file);
    });
  const [model, ...data] = await Promise.all([path, ...dataPaths].map(read));
  const options: InferenceSession.SessionOptions = {
    executionProviders: ['wasm'],
    logSeverityLevel: 3,
    externalData: data.map((each, i) => ({ path: basename(dataPaths[i]!), data: each })),
  };
  const session = await runtime.InferenceSession.create(model!, options).catch((cause: Error) => {
    throw new CoupletError(`${path} could not be loaded by onnxruntime-web: ${cause.message}`, { cause });
  });
  const toRuntime = ({ data, shape }: OnnxTensor): Tensor =>
    data instanceof Float32Array
      ? new runtime.Tensor('float32', data, shape)
      : new runtime.Tensor('int64', data, shape);
  return {
    inputs: session.inputNames,
    outputs: session.outputNames,
    async run(inputs) {
      const feeds = Object.entries(inputs).map(([name, tensor]) => [name, toRuntime(tensor)] as const);
      const results = await session.run(Object.fromEntries(feeds)).catch((cause: Error) => {
        throw new CoupletError(`${path} could not be run: ${cause.message}`, { cause });
      });
      return Object.fromEntries(
        Object.entries(results).map(([name, { dims, data }]) => [
          name,
          { shape: dims, data: data as Float32Array | BigInt64Array },
        ]),
      );
    },
    close: () => session.release(),
  };
}

import type { InferenceSession } from 'onnxruntime-web/wasm';
import { FILES, type TowerFile } from '../../layout.ts';

/** Loaded beside all else, and needed last. */
const loading = import('onnxruntime-web/wasm').catch(() => undefined);

/** @throws Error with a sentence for the page */
async function runtime() {
  const loaded = await loading;
  if (loaded) return loaded;
  throw new Error(`${FILES.engine} is missing or damaged. Copy the page's whole folder to the host.`);
}

/** A tower in onnxruntime's WebAssembly, on this worker's thread: more threads need headers that plain hosts do not send. */
export class Tower {
  readonly #session: InferenceSession;
  readonly #names: TowerFile;

  private constructor(session: InferenceSession, names: TowerFile) {
    this.#session = session;
    this.#names = names;
  }

  /**
   * @param engine bytes of the wasm: a host that sends it as another type does not matter
   * @param model bytes of the ONNX file
   */
  static async open(engine: Uint8Array, model: Uint8Array, names: TowerFile): Promise<Tower> {
    const ort = await runtime();
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmBinary = engine;
    ort.env.logLevel = 'error';
    const session = await ort.InferenceSession.create(model, { executionProviders: ['wasm'] });
    return new Tower(session, names);
  }

  /** @returns [E], of unit length */
  async encode(input: Float32Array | BigInt64Array, shape: readonly number[]): Promise<Float32Array> {
    const ort = await runtime();
    const type = input instanceof Float32Array ? 'float32' : 'int64';
    const { input: name, output } = this.#names;
    const result = await this.#session.run({ [name]: new ort.Tensor(type, input, shape) }, [output]);
    const row = result[output]!.data as Float32Array;
    const length = Math.hypot(...row);
    return row.map((value) => value / length);
  }
}

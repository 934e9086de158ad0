import * as ort from 'onnxruntime-web/wasm';
import type { TowerFile } from '../../layout.ts';

/** A tower in onnxruntime's WebAssembly, on this worker's thread: more threads need headers that plain hosts do not send. */
export class Tower {
  readonly #session: ort.InferenceSession;
  readonly #names: TowerFile;

  private constructor(session: ort.InferenceSession, names: TowerFile) {
    this.#session = session;
    this.#names = names;
  }

  /**
   * @param engine bytes of the wasm: a host that sends it as another type does not matter
   * @param model bytes of the ONNX file
   */
  static async open(engine: Uint8Array, model: Uint8Array, names: TowerFile): Promise<Tower> {
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmBinary = engine;
    ort.env.logLevel = 'error';
    const session = await ort.InferenceSession.create(model, { executionProviders: ['wasm'] });
    return new Tower(session, names);
  }

  /** @returns [E], of unit length */
  async encode(input: Float32Array | BigInt64Array, shape: readonly number[]): Promise<Float32Array> {
    const type = input instanceof Float32Array ? 'float32' : 'int64';
    const { input: name, output } = this.#names;
    const result = await this.#session.run({ [name]: new ort.Tensor(type, input, shape) }, [output]);
    const row = result[output]!.data as Float32Array;
    const length = Math.hypot(...row);
    return row.map((value) => value / length);
  }
}

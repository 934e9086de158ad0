import { CoupletError } from '../errors.ts';
import { checkHostTensor, type HostTensor } from '../io/host-tensor.ts';
import { fromHalves } from './half.ts';

/** Tensors by name, read one at a time: an open safetensors file is one. */
export interface WeightSource {
  readonly names: readonly string[];
  describe(name: string): Omit<HostTensor, 'data'>;
  read(name: string): Promise<HostTensor>;
}

/** Numbers that are read when they are written. */
export interface Weight {
  name: string;
  shape: readonly number[];
  read(): Promise<Float32Array>;
}

/** The weights that a graph takes, with what it has not taken. */
export class Weights {
  readonly #source: WeightSource;
  readonly #unused: Set<string>;

  constructor(source: WeightSource | ReadonlyMap<string, HostTensor>) {
    this.#source = source instanceof Map ? ofMap(source) : (source as WeightSource);
    this.#unused = new Set(this.#source.names);
  }

  has(name: string): boolean {
    return this.#source.names.includes(name);
  }

  /** Throws a CoupletError for a missing tensor or another shape; a vector may have leading ones. */
  take(name: string, shape: readonly number[]): Weight {
    if (!this.has(name))
      throw new CoupletError(
        `ONNX: the weights have no tensor ${name}, expected [${shape.join(', ')}]. Give the weights that belong to this spec.`,
      );
    const actual = this.#source.describe(name).shape;
    if (withoutOnes(actual) !== withoutOnes(shape))
      throw new CoupletError(
        `ONNX: ${name} is [${actual.join(', ')}], expected [${shape.join(', ')}]. Give the weights that belong to this spec.`,
      );
    this.#unused.delete(name);
    return { name, shape, read: async () => numbersOf(name, await this.#source.read(name)) };
  }

  /** Names that nothing took. */
  unused(belongs: (name: string) => boolean): string[] {
    return [...this.#unused].filter((name) => belongs(name) && !name.endsWith('num_batches_tracked'));
  }
}

const withoutOnes = (shape: readonly number[]) => shape.filter((size) => size !== 1).join();

const ofMap = (tensors: ReadonlyMap<string, HostTensor>): WeightSource => ({
  names: [...tensors.keys()],
  describe: (name) => tensors.get(name)!,
  read: async (name) => tensors.get(name)!,
});

/** A weight that follows from others. */
export function derived(
  name: string,
  shape: readonly number[],
  from: readonly Weight[],
  compute: (...values: Float32Array[]) => Float32Array,
): Weight {
  return { name, shape, read: async () => compute(...(await Promise.all(from.map((each) => each.read())))) };
}

/** [R, C] -> [C, R]. */
export function transposed(weight: Weight): Weight {
  const [rows, columns] = weight.shape as [number, number];
  return derived(weight.name, [columns, rows], [weight], (values) => {
    const out = new Float32Array(values.length);
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < columns; c++) out[c * rows + r] = values[r * columns + c]!;
    return out;
  });
}

function numbersOf(name: string, tensor: HostTensor): Float32Array {
  checkHostTensor(name, tensor);
  const { dtype } = tensor;
  const data = aligned(tensor.data);
  const { buffer, byteOffset, byteLength } = data;
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer, byteOffset, byteLength / 4);
    case 'float64':
      return new Float32Array(new Float64Array(buffer, byteOffset, byteLength / 8));
    case 'float16':
    case 'bfloat16':
      return fromHalves(new Uint16Array(buffer, byteOffset, byteLength / 2), dtype);
    default:
      throw new CoupletError(`ONNX: ${name} is ${dtype}, expected a tensor of floats.`);
  }
}

/** A typed array starts at a multiple of its element's width. */
const aligned = (data: Uint8Array): Uint8Array => (data.byteOffset % 8 === 0 ? data : data.slice());

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readSafetensors } from '../../src/io/safetensors.ts';
import type { NamedParams } from '../../src/nn/module.ts';
import { type DType, gradsOf, type Tensor, tensor } from '../../src/torch/index.ts';

/** How far a run may be from PyTorch's float64, relative to the largest value of each tensor. */
export const TOLERANCE = { float64: 1e-10, float32: 1e-5 } as const;
export type Precision = keyof typeof TOLERANCE;

const pathOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export const readJson = <T>(name: string): T => JSON.parse(readFileSync(pathOf(name), 'utf8')) as T;

interface Values {
  shape: readonly number[];
  numbers: Float32Array | Float64Array | Int32Array;
}

/** A golden file of make-goldens.py: `weight.*`, `in.*`, `out.*` and `grad.*`. */
export class Golden {
  readonly #values = new Map<string, Values>();

  static async read(name: string): Promise<Golden> {
    const golden = new Golden();
    const { tensors } = await readSafetensors(pathOf(`${name}.golden.safetensors`));
    for (const [key, { dtype, shape, data }] of tensors) {
      const View = { float32: Float32Array, float64: Float64Array, int32: Int32Array }[dtype as 'float32'];
      golden.#values.set(key, {
        shape,
        numbers: new View(
          data.buffer as ArrayBuffer,
          data.byteOffset,
          data.byteLength / View.BYTES_PER_ELEMENT,
        ),
      });
    }
    return golden;
  }

  /** Names under a prefix, without it. */
  names(prefix: string): string[] {
    return [...this.#values.keys()]
      .filter((key) => key.startsWith(prefix))
      .map((key) => key.slice(prefix.length))
      .sort();
  }

  values(key: string): Values {
    const found = this.#values.get(key);
    if (!found) throw new Error(`the golden has no ${key}`);
    return found;
  }

  tensor(key: string, dtype?: DType): Tensor {
    const { shape, numbers } = this.values(key);
    return tensor(numbers, shape, { dtype });
  }

  /** Overwrites a model's parameters with the golden's. */
  load(params: NamedParams): void {
    for (const [name, param] of params) {
      const weight = this.tensor(`weight.${name}`, param.dtype);
      if (String(weight.shape) !== String(param.shape))
        throw new Error(`${name}: [${weight.shape}] in the golden, [${param.shape}] here`);
      param.set_(weight);
    }
  }

  /** error() of every gradient and of the named outputs. */
  errors(params: NamedParams, outputs: Record<string, Tensor>): Map<string, number> {
    const errors = new Map<string, number>();
    for (const [name, output] of Object.entries(outputs))
      errors.set(`out.${name}`, error(output.toNumbers(), this.values(`out.${name}`).numbers));
    const grads = gradsOf([...params.values()]);
    [...params.keys()].forEach((name, i) => {
      const grad = grads[i];
      const key = `grad.${name}`;
      if (grad) errors.set(key, error(grad.toNumbers(), this.values(key).numbers));
      else if (this.#values.has(key)) errors.set(key, Number.POSITIVE_INFINITY);
    });
    return errors;
  }
}

/** The largest difference, relative to the largest value that was expected. */
export function error(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let difference = 0;
  let scale = 0;
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs(actual[i] - expected[i]);
    if (!(d <= difference)) difference = d; // NaN counts
    scale = Math.max(scale, Math.abs(expected[i]));
  }
  return scale === 0 ? difference : difference / scale;
}

/** The largest of some errors, with its name. */
export function worst(errors: Map<string, number>): { name: string; error: number } {
  let at = { name: '', error: -1 };
  for (const [name, value] of errors) if (!(value <= at.error)) at = { name, error: value };
  return at;
}

import { type DType, Generator, noGrad, ones, randn, type Tensor, zeros } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/** Initial values, drawn on the CPU so that a seed gives the same model on every device. */
export class Init {
  readonly device: string;
  readonly dtype: DType;
  readonly #generator: Generator;

  constructor({ seed, device = 'cpu', dtype = 'float32' }: { seed: number; device?: string; dtype?: DType }) {
    this.#generator = new Generator('cpu', seed);
    this.device = device;
    this.dtype = dtype;
  }

  #place(tensor: Tensor): Tensor {
    const placed = tensor.toDevice(this.device);
    if (placed !== tensor) tensor.dispose();
    return placed;
  }

  normal(shape: readonly number[], std: number): Tensor {
    return this.#place(noGrad(() => randn(shape, this.#generator, this.dtype).mul_(std)));
  }

  /** Uniform in [-bound, bound). */
  uniform(shape: readonly number[], bound: number): Tensor {
    const empty = zeros(shape, { dtype: this.dtype });
    return this.#place(noGrad(() => ops.uniform_(empty, -bound, bound, this.#generator)));
  }

  /** PyTorch's default for weights and biases: uniform within 1 / sqrt(fanIn). */
  fanIn(shape: readonly number[], fanIn: number): Tensor {
    return this.uniform(shape, 1 / Math.sqrt(fanIn));
  }

  /** Xavier's uniform for a [out, in] matrix. */
  xavier(shape: readonly [number, number]): Tensor {
    return this.uniform(shape, Math.sqrt(6 / (shape[0] + shape[1])));
  }

  zeros(shape: readonly number[]): Tensor {
    return zeros(shape, this);
  }

  ones(shape: readonly number[]): Tensor {
    return ones(shape, this);
  }
}

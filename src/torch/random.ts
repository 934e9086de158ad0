import type { DType } from './dtype.ts';
import { native } from './native.ts';
import * as ops from './ops.ts';
import { Tensor } from './tensor.ts';

/** A random generator on one device. */
export class Generator {
  readonly id: number;
  readonly device: string;

  /** Without a seed: the device's default generator. */
  constructor(device: string, seed?: number) {
    this.device = device;
    this.id = native.generator(device, seed ?? null);
  }
  seed(seed: number): void {
    native.seedGenerator(this.id, seed);
  }
  /** uint8, on the CPU. */
  state(): Tensor {
    return new Tensor(native.generatorState(this.id));
  }
  restore(state: Tensor): void {
    native.setGeneratorState(this.id, state.handle);
  }
}

/** Standard normal numbers. On CPUs they depend only on the seed and libtorch's version. */
export function randn(shape: readonly number[], generator: Generator, dtype: DType = 'float32'): Tensor {
  return ops.randn_generator(shape, generator, dtype, undefined, generator.device);
}

/** Uniform numbers in [0, 1). */
export function rand(shape: readonly number[], generator: Generator, dtype: DType = 'float32'): Tensor {
  return ops.rand_generator(shape, generator, dtype, undefined, generator.device);
}

import type { DType } from './dtype.ts';
import { native } from './native.ts';
import * as ops from './ops.ts';
import { Tensor } from './tensor.ts';

/** A stream of random numbers on one device, whose state can be saved and restored. */
export class Generator {
  /** The addon's number of it. */
  readonly id: number;
  readonly device: string;

  /** A new stream. Without a seed: the device's default one, which ops use when they are given none. */
  constructor(device: string, seed?: number) {
    this.device = device;
    this.id = native.generator(device, seed ?? null);
  }
  seed(seed: number): void {
    native.seedGenerator(this.id, seed);
  }
  /** A uint8 tensor on the CPU. */
  state(): Tensor {
    return new Tensor(native.generatorState(this.id));
  }
  restore(state: Tensor): void {
    native.setGeneratorState(this.id, state.handle);
  }
}

/** Standard normal numbers. The CPU's stream is the same on every machine with the same libtorch. */
export function randn(shape: readonly number[], generator: Generator, dtype: DType = 'float32'): Tensor {
  return ops.randn_generator(shape, generator, dtype, undefined, generator.device);
}

/** Uniform numbers in [0, 1). */
export function rand(shape: readonly number[], generator: Generator, dtype: DType = 'float32'): Tensor {
  return ops.rand_generator(shape, generator, dtype, undefined, generator.device);
}

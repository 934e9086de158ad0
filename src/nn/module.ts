import type { Tensor } from '../torch/index.ts';

/** Parameters by their checkpoint names, in the order they were made. */
export type NamedParams = Map<string, Tensor>;

/** A part of a model: owns parameters, and parts that own theirs. Names are those of the checkpoint. */
export abstract class Module {
  readonly #parameters = new Map<string, Tensor>();
  readonly #children: [prefix: string, module: Module][] = [];

  /** Registers a learnable tensor under its checkpoint name; it lives until dispose(). */
  protected parameter(name: string, tensor: Tensor): Tensor {
    this.#parameters.set(name, tensor.persist().requireGrad());
    return tensor;
  }

  /** Registers a part. `prefix` goes before its names as it is, separator included: 'ln_1.', 'attn.in_proj_'. */
  protected child<M extends Module>(prefix: string, module: M): M {
    this.#children.push([prefix, module]);
    return module;
  }

  namedParameters(prefix = '', into: NamedParams = new Map()): NamedParams {
    for (const [name, tensor] of this.#parameters) into.set(prefix + name, tensor);
    for (const [name, module] of this.#children) module.namedParameters(prefix + name, into);
    return into;
  }

  dispose(): void {
    for (const tensor of this.namedParameters().values()) tensor.dispose();
  }
}

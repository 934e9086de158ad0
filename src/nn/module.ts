import type { Tensor } from '../torch/index.ts';

/** Tensors of a model by their checkpoint names, in the order they were made. */
export type NamedParams = Map<string, Tensor>;

/** A part of a model: owns parameters and buffers, and parts that own theirs. Names are those of the checkpoint. */
export abstract class Module {
  readonly #parameters = new Map<string, Tensor>();
  readonly #buffers = new Map<string, Tensor>();
  readonly #constants = new Map<string, Tensor>();
  readonly #children: [prefix: string, module: Module][] = [];

  /** Registers a learnable tensor under its checkpoint name; it lives until dispose(). */
  protected parameter(name: string, tensor: Tensor): Tensor {
    this.#parameters.set(name, tensor.persist().requireGrad());
    return tensor;
  }

  /** Registers a tensor that a checkpoint holds and no optimizer moves, such as a running mean; it lives until dispose(). */
  protected buffer(name: string, tensor: Tensor): Tensor {
    this.#buffers.set(name, tensor.persist());
    return tensor;
  }

  /** A tensor that follows from the sizes alone: made when it is first asked for, in no checkpoint; it lives until dispose(). */
  protected constant(key: string, make: () => Tensor): Tensor {
    const made = this.#constants.get(key) ?? make().persist();
    this.#constants.set(key, made);
    return made;
  }

  /** Registers a part. `prefix` goes before its names as it is, separator included: 'ln_1.', 'attn.in_proj_'. */
  protected child<M extends Module>(prefix: string, module: M): M {
    this.#children.push([prefix, module]);
    return module;
  }

  /** What an optimizer may move. */
  namedParameters(): NamedParams {
    return this.#named((module) => module.#parameters);
  }

  /** Parameters and buffers: what a checkpoint holds. */
  namedTensors(): NamedParams {
    return this.#named((module) => new Map([...module.#parameters, ...module.#buffers]));
  }

  #named(own: (module: Module) => NamedParams, prefix = '', into: NamedParams = new Map()): NamedParams {
    for (const [name, tensor] of own(this)) into.set(prefix + name, tensor);
    for (const [name, module] of this.#children) module.#named(own, prefix + name, into);
    return into;
  }

  dispose(): void {
    for (const tensor of this.namedTensors().values()) tensor.dispose();
    this.#forget();
  }

  #forget(): void {
    for (const tensor of this.#constants.values()) tensor.dispose();
    this.#constants.clear();
    for (const [, module] of this.#children) module.#forget();
  }
}

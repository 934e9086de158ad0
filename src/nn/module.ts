import type { Tensor } from '../torch/index.ts';

/** Tensors by checkpoint name, in order of creation. */
export type NamedParams = Map<string, Tensor>;

/** A part of a model. It owns its tensors and its children until dispose(). Names are those of the checkpoint. */
export abstract class Module {
  readonly #parameters = new Map<string, Tensor>();
  readonly #buffers = new Map<string, Tensor>();
  readonly #constants = new Map<string, Tensor>();
  readonly #children: [prefix: string, module: Module][] = [];
  #isFrozen = false;

  /** Registers a learnable tensor. */
  protected parameter(name: string, tensor: Tensor): Tensor {
    this.#parameters.set(name, tensor.persist().requireGrad());
    return tensor;
  }

  /** Registers a tensor that no optimizer moves, such as a running mean. */
  protected buffer(name: string, tensor: Tensor): Tensor {
    this.#buffers.set(name, tensor.persist());
    return tensor;
  }

  /** A cached tensor that follows from sizes alone and is in no checkpoint. */
  protected constant(key: string, make: () => Tensor): Tensor {
    const cached = this.#constants.get(key) ?? make().persist();
    this.#constants.set(key, cached);
    return cached;
  }

  /** Registers a part. `prefix` includes the separator: 'ln_1.', 'attn.in_proj_'. */
  protected child<M extends Module>(prefix: string, module: M): M {
    this.#children.push([prefix, module]);
    return module;
  }

  namedParameters(): NamedParams {
    return this.#named((module) => module.#parameters);
  }

  /** Parameters and buffers. */
  namedTensors(): NamedParams {
    return this.#named((module) => new Map([...module.#parameters, ...module.#buffers]));
  }

  #named(
    tensorsOf: (module: Module) => NamedParams,
    prefix = '',
    into: NamedParams = new Map(),
  ): NamedParams {
    for (const [name, tensor] of tensorsOf(this)) into.set(prefix + name, tensor);
    for (const [name, module] of this.#children) module.#named(tensorsOf, prefix + name, into);
    return into;
  }

  /** Parameters of these names have no gradient from now on. */
  freeze(names: ReadonlySet<string>, prefix = ''): void {
    for (const [name, tensor] of this.#parameters) {
      if (!names.has(prefix + name)) continue;
      tensor.requireGrad(false);
      this.#isFrozen = true;
    }
    for (const [inner, module] of this.#children) module.freeze(names, prefix + inner);
  }

  /** Whether freeze() named a parameter of this part itself. */
  protected get isFrozen(): boolean {
    return this.#isFrozen;
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

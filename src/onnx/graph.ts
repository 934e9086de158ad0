import { CoupletError } from '../errors.ts';
import { halves } from './half.ts';
import {
  type Attribute,
  ELEMENT,
  type ElementType,
  type GraphProto,
  type Initializer,
  type NodeProto,
  type ValueInfo,
} from './proto.ts';
import type { Weight } from './weights.ts';

/** Name of a tensor in the graph. */
export type Value = string;

export interface NodeOptions {
  attributes?: Record<string, Attribute>;
  domain?: string;
  /** Name of the (first) output. */
  as?: string;
}

/** Element type of activations. */
export type FloatType = 'float32' | 'float16';

/** A graph that is being built. Constants are written when the file is. */
export class Graph {
  readonly float: FloatType;
  readonly #nodes: NodeProto[] = [];
  readonly #initializers = new Map<string, Initializer>();
  readonly #inputs: ValueInfo[] = [];
  readonly #outputs: ValueInfo[] = [];

  constructor(float: FloatType) {
    this.float = float;
  }

  input(name: string, type: ElementType, shape: ValueInfo['shape']): Value {
    this.#inputs.push({ name, type, shape });
    return name;
  }

  /** Names a value as an output of float32. */
  output(name: string, value: Value, shape: ValueInfo['shape'], type: FloatType = this.float): void {
    this.#outputs.push({ name, type: 'float32', shape });
    if (type === 'float32') this.op('Identity', [value], { as: name });
    else this.cast(value, 'float32', name);
  }

  op(op: string, inputs: readonly Value[], options?: NodeOptions): Value {
    return this.ops(op, inputs, 1, options)[0]!;
  }

  /** An operator of several outputs. */
  ops(op: string, inputs: readonly Value[], count: number, options: NodeOptions = {}): Value[] {
    const { attributes = {}, domain = '', as = `${op}_${this.#nodes.length}` } = options;
    const outputs = Array.from({ length: count }, (_, i) => (i === 0 ? as : `${as}:${i}`));
    this.#nodes.push({ op, inputs, outputs, attributes, domain });
    return outputs;
  }

  cast(value: Value, to: ElementType, as?: string): Value {
    return this.op('Cast', [value], { attributes: { to: ELEMENT[to] }, ...(as !== undefined && { as }) });
  }

  /** A constant. The same name twice is the same constant. */
  constant(name: string, type: ElementType, shape: readonly number[], data: Initializer['data']): Value {
    if (!this.#initializers.has(name)) this.#initializers.set(name, { name, type, shape, data });
    return name;
  }

  /** A weight in the graph's float type. */
  weight(weight: Weight, float: FloatType = this.float): Value {
    const count = sizeOf(weight.shape);
    const bytes = async () =>
      bytesOf(float === 'float16' ? halves(await weight.read()) : await weight.read());
    return this.constant(weight.name, float, weight.shape, {
      length: count * (float === 'float16' ? 2 : 4),
      bytes,
    });
  }

  ints(...values: number[]): Value {
    return this.#small(`ints ${values}`, 'int64', [values.length], BigInt64Array.from(values, BigInt));
  }

  /** A scalar of int64. */
  int(value: number): Value {
    return this.#small(`int ${value}`, 'int64', [], BigInt64Array.of(BigInt(value)));
  }

  /** A scalar, in the graph's float type unless given. */
  scalar(value: number, float: FloatType = this.float): Value {
    const data = float === 'float16' ? halves([value]) : Float32Array.of(value);
    return this.#small(`${float} ${value}`, float, [], data);
  }

  #small(name: string, type: ElementType, shape: readonly number[], data: ArrayBufferView): Value {
    const content = bytesOf(data);
    return this.constant(name, type, shape, { length: content.length, bytes: async () => content });
  }

  proto(name: string): GraphProto {
    const names = [...this.#inputs.map((each) => each.name), ...this.#nodes.flatMap((each) => each.outputs)];
    const known = new Set([...names, ...this.#initializers.keys()]);
    if (known.size !== names.length + this.#initializers.size)
      throw new CoupletError(`ONNX: two values of the graph ${name} have one name.`);
    return {
      name,
      nodes: this.#nodes,
      initializers: [...this.#initializers.values()],
      inputs: this.#inputs,
      outputs: this.#outputs,
    };
  }
}

export const sizeOf = (shape: readonly number[]): number =>
  shape.reduce((product, size) => product * size, 1);

export const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

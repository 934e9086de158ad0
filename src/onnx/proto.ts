// Messages of onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3).
import { bytes, float, int, type LateBytes, type Message, string } from './protobuf.ts';

/** TensorProto.DataType. */
export const ELEMENT = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9, float16: 10 } as const;
export type ElementType = keyof typeof ELEMENT;

/** Numbers of type float are given as `{ float }`. */
export type Attribute = number | string | readonly number[] | { float: number };

export interface NodeProto {
  op: string;
  inputs: readonly string[];
  outputs: readonly string[];
  attributes: Readonly<Record<string, Attribute>>;
  domain: string;
}

export interface ValueInfo {
  name: string;
  type: ElementType;
  /** A name stands for a size that is free. */
  shape: readonly (number | string)[];
}

/** A constant of the graph. Its data is row-major and little-endian. */
export interface Initializer {
  name: string;
  type: ElementType;
  shape: readonly number[];
  data: LateBytes;
}

/** Where an initializer's data is, when not in the model's file. */
export interface ExternalPlace {
  /** The file, beside the model's. */
  location: string;
  offset: number;
}

const ATTRIBUTE = { float: 1, int: 2, string: 3, ints: 7 } as const;

function attribute(name: string, value: Attribute): Message {
  const typed = (type: keyof typeof ATTRIBUTE, content: Message) => [
    ...string(1, name),
    ...content,
    ...int(20, ATTRIBUTE[type]),
  ];
  if (typeof value === 'number') return typed('int', int(3, value));
  if (typeof value === 'string') return typed('string', string(4, value));
  if ('float' in value) return typed('float', float(2, value.float));
  return typed(
    'ints',
    value.flatMap((each) => int(8, each)),
  );
}

const node = ({ op, inputs, outputs, attributes, domain }: NodeProto): Message => [
  ...inputs.flatMap((name) => string(1, name)),
  ...outputs.flatMap((name) => string(2, name)),
  ...string(3, outputs[0]!),
  ...string(4, op),
  ...Object.entries(attributes).flatMap(([name, value]) => bytes(5, attribute(name, value))),
  ...(domain ? string(7, domain) : []),
];

function valueInfo({ name, type, shape }: ValueInfo): Message {
  const sizes = shape.flatMap((size) => bytes(1, typeof size === 'number' ? int(1, size) : string(2, size)));
  const tensorType = [...int(1, ELEMENT[type]), ...bytes(2, sizes)];
  return [...string(1, name), ...bytes(2, bytes(1, tensorType))];
}

function tensor({ name, type, shape, data }: Initializer, place: ExternalPlace | undefined): Message {
  const entry = (key: string, value: string) => bytes(13, [...string(1, key), ...string(2, value)]);
  const content = place
    ? [
        ...entry('location', place.location),
        ...entry('offset', String(place.offset)),
        ...entry('length', String(data.length)),
        ...int(14, 1),
      ]
    : bytes(9, [data]);
  return [...shape.flatMap((size) => int(1, size)), ...int(2, ELEMENT[type]), ...string(8, name), ...content];
}

export interface GraphProto {
  name: string;
  nodes: readonly NodeProto[];
  initializers: readonly Initializer[];
  inputs: readonly ValueInfo[];
  outputs: readonly ValueInfo[];
}

/** Version of the format, and of its operators: Gelu is one of them since 20. */
const IR_VERSION = 10;
const OPSET = 20;
/** Microsoft's operators: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md */
export const MICROSOFT = 'com.microsoft';

/** A ModelProto. @param places initializers whose data is elsewhere */
export function modelProto(graph: GraphProto, places: ReadonlyMap<string, ExternalPlace>): Message {
  const content = [
    ...graph.nodes.flatMap((each) => bytes(1, node(each))),
    ...string(2, graph.name),
    ...graph.initializers.flatMap((each) => bytes(5, tensor(each, places.get(each.name)))),
    ...graph.inputs.flatMap((each) => bytes(11, valueInfo(each))),
    ...graph.outputs.flatMap((each) => bytes(12, valueInfo(each))),
  ];
  const opset = (domain: string, version: number) => bytes(8, [...string(1, domain), ...int(2, version)]);
  return [
    ...int(1, IR_VERSION),
    ...string(2, 'couplet'),
    ...bytes(7, content),
    ...opset('', OPSET),
    ...(graph.nodes.some(({ domain }) => domain === MICROSOFT) ? opset(MICROSOFT, 1) : []),
  ];
}

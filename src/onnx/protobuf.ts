// Protocol buffers, as much as ONNX needs (https://protobuf.dev/programming-guides/encoding/).

/** Bytes that are made when they are written, so that a large tensor is in memory only then. */
export interface LateBytes {
  readonly length: number;
  bytes(): Promise<Uint8Array>;
}

/** An encoded message, in pieces. */
export type Message = readonly (Uint8Array | LateBytes)[];

export const lengthOf = (message: Message): number => message.reduce((sum, piece) => sum + piece.length, 0);

const WIRE = { varint: 0, bytes: 2, float: 5 } as const;

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return bytes;
}

const tag = (field: number, wire: keyof typeof WIRE) => varint(BigInt((field << 3) | WIRE[wire]));

/** A field of int32, int64 or an enum. */
export const int = (field: number, value: number | bigint): Message => [
  Uint8Array.from([...tag(field, 'varint'), ...varint(BigInt(value))]),
];

export function float(field: number, value: number): Message {
  const bits = new Uint8Array(4);
  new DataView(bits.buffer).setFloat32(0, value, true);
  return [Uint8Array.from([...tag(field, 'float'), ...bits])];
}

/** A field of bytes, or of a message. */
export const bytes = (field: number, content: Message): Message => [
  Uint8Array.from([...tag(field, 'bytes'), ...varint(BigInt(lengthOf(content)))]),
  ...content,
];

export const string = (field: number, text: string): Message =>
  bytes(field, [new TextEncoder().encode(text)]);

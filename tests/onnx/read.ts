// A reader of ONNX files that shares no code with the writer.

/** Fields of a protocol buffer: numbers, or bytes. */
export type Fields = Map<number, (bigint | Buffer)[]>;

export function fieldsOf(bytes: Buffer): Fields {
  const fields: Fields = new Map();
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(at++);
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const wire = key & 7;
    let value: bigint | Buffer;
    if (wire === 0) value = varint();
    else {
      const length = wire === 5 ? 4 : wire === 2 ? Number(varint()) : Number.NaN;
      if (!(at + length <= bytes.length)) throw new Error(`wire type ${wire} at ${at}`);
      value = bytes.subarray(at, at + length);
      at += length;
    }
    const field = key >>> 3;
    fields.set(field, [...(fields.get(field) ?? []), value]);
  }
  return fields;
}

export const messages = (fields: Fields, field: number) =>
  ((fields.get(field) ?? []) as Buffer[]).map(fieldsOf);
export const texts = (fields: Fields, field: number) =>
  ((fields.get(field) ?? []) as Buffer[]).map((each) => each.toString('utf8'));
export const numbers = (fields: Fields, field: number) =>
  ((fields.get(field) ?? []) as bigint[]).map((each) => Number(BigInt.asIntN(64, each)));

export interface ReadTensor {
  shape: number[];
  type: number;
  data: Buffer;
  external: Record<string, string>;
}

/** Initializers of a model's file by name. */
export function tensorsOf(file: Buffer): Map<string, ReadTensor> {
  const [graph] = messages(fieldsOf(file), 7);
  return new Map(
    messages(graph!, 5).map((tensor) => [
      texts(tensor, 8)[0]!,
      {
        shape: numbers(tensor, 1),
        type: numbers(tensor, 2)[0]!,
        data: (tensor.get(9)?.[0] as Buffer | undefined) ?? Buffer.alloc(0),
        external: Object.fromEntries(
          messages(tensor, 13).map((entry) => [texts(entry, 1)[0]!, texts(entry, 2)[0]!]),
        ),
      },
    ]),
  );
}

import { mkdtemp, readFile, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { CoupletError } from '../errors.ts';
import { BYTES_PER_ELEMENT, byteLength, type HostDtype, type HostTensor } from './host-tensor.ts';
import { openSafetensors, readSafetensors, writeSafetensors } from './safetensors.ts';

let path: string;
beforeAll(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'couplet-')), 'x.safetensors');
});

const tensor: fc.Arbitrary<HostTensor> = fc
  .record({
    dtype: fc.constantFrom(...(Object.keys(BYTES_PER_ELEMENT) as HostDtype[])),
    shape: fc.array(fc.nat(4), { maxLength: 4 }),
  })
  .chain(({ dtype, shape }) => {
    const size = byteLength(dtype, shape);
    return fc.uint8Array({ minLength: size, maxLength: size }).map((data) => ({ dtype, shape, data }));
  });
const name = fc
  .oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('__proto__', '1', 'constructor', 'a"b\\'))
  .filter((text) => text !== '__metadata__');

/** A file of a header as text and some bytes. */
async function writeRaw(header: string, data = new Uint8Array(0)): Promise<void> {
  const text = Buffer.from(header, 'utf8');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  await writeFile(path, Buffer.concat([length, text, data]));
}

describe('safetensors', () => {
  it('gives back what was written', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(name, tensor), { maxLength: 6 }), async (pairs) => {
        const tensors = new Map(pairs);
        await writeSafetensors(path, tensors, { made: 'by "test"' });
        const read = await readSafetensors(path);
        expect(read.metadata).toEqual({ format: 'pt', made: 'by "test"' });
        expect(read.tensors.size).toBe(tensors.size);
        for (const [key, value] of tensors) expect(read.tensors.get(key)).toEqual(value);
      }),
    );
  });

  it('writes the bytes that the format describes, widest elements first, then by name', async () => {
    const b = {
      dtype: 'float32',
      shape: [1, 2],
      data: new Uint8Array(Float32Array.of(1, 2).buffer),
    } as const;
    const a = { dtype: 'uint8', shape: [3], data: Uint8Array.of(7, 8, 9) } as const;
    const c = { dtype: 'float32', shape: [], data: new Uint8Array(Float32Array.of(3).buffer) } as const;
    await writeSafetensors(path, { a, c, b });
    const header =
      '{"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},' +
      '"c":{"dtype":"F32","shape":[],"data_offsets":[8,12]},"a":{"dtype":"U8","shape":[3],"data_offsets":[12,15]}}';
    const padded = header.padEnd(Math.ceil(header.length / 8) * 8);
    const bytes = await readFile(path);
    expect(bytes.readBigUInt64LE(0)).toBe(BigInt(padded.length));
    expect(bytes.subarray(8, 8 + padded.length).toString()).toBe(padded);
    expect([...bytes.subarray(8 + padded.length)]).toEqual([...b.data, ...c.data, ...a.data]);
    expect((8 + padded.length) % 8).toBe(0);
    const again = await readFile(path);
    await writeSafetensors(
      path,
      new Map<string, HostTensor>([
        ['c', c],
        ['b', b],
        ['a', a],
      ]),
    );
    expect(await readFile(path)).toEqual(again);
  });

  it('reads the tensors that are asked for, aligned', async () => {
    const data = new Uint8Array(BigInt64Array.of(5n, -1n).buffer);
    await writeSafetensors(path, {
      x: { dtype: 'uint8', shape: [1], data: Uint8Array.of(1) },
      y: { dtype: 'int64', shape: [2], data },
    });
    const { tensors } = await readSafetensors(path, { names: ['y'] });
    expect([...tensors.keys()]).toEqual(['y']);
    const y = tensors.get('y')!.data;
    expect([...new BigInt64Array(y.buffer, y.byteOffset, 2)]).toEqual([5n, -1n]);
    const file = await openSafetensors(path);
    expect(file.describe('x')).toEqual({ dtype: 'uint8', shape: [1] });
    await expect(file.read('z')).rejects.toThrow(/no tensor 'z'. The first of its 2 tensors: y, x/);
    await file.close();
  });

  it('refuses to write a tensor whose bytes do not fit, or a name that the format keeps', async () => {
    const bad = { dtype: 'float32', shape: [2], data: new Uint8Array(4) } as const;
    await expect(writeSafetensors(path, { w: bad })).rejects.toThrow(
      /'w' of float32 \[2\] takes 8 bytes, its data has 4/,
    );
    const empty = { dtype: 'float32', shape: [0], data: new Uint8Array(0) } as const;
    await expect(writeSafetensors(path, { __metadata__: empty })).rejects.toThrow(CoupletError);
  });

  const entry = (fields: object) =>
    JSON.stringify({ dtype: 'U8', shape: [2], data_offsets: [0, 2], ...fields });
  it.each([
    ['not JSON', '{"a":', 0, /not JSON/],
    ['no object', '[1]', 0, /not an object/],
    ['a name twice', `{"a":${entry({})},"\\u0061":${entry({})}}`, 2, /it has two tensors 'a'/],
    ['an unknown dtype', `{"a":${entry({ dtype: 'F8' })}}`, 2, /dtype F8/],
    ['a shape that does not fit', `{"a":${entry({ shape: [3] })}}`, 2, /takes 3 bytes, .* give 2/],
    ['a shape that overflows', `{"a":${entry({ shape: [4503599627370497, 4096] })}}`, 2, /takes/],
    ['a negative shape', `{"a":${entry({ shape: [-1, -2] })}}`, 2, /needs dtype, shape/],
    ['offsets backwards', `{"a":${entry({ data_offsets: [2, 0] })}}`, 2, /give -2/],
    [
      'tensors that overlap',
      `{"a":${entry({})},"b":${entry({ data_offsets: [1, 3] })}}`,
      3,
      /overlap or leave a gap/,
    ],
    ['a gap', `{"a":${entry({})},"b":${entry({ data_offsets: [3, 5] })}}`, 5, /overlap or leave a gap/],
    ['a tensor outside the file', `{"a":${entry({})}}`, 1, /take 2 bytes, the file has 1/],
    ['bytes of no tensor', `{"a":${entry({})}}`, 3, /take 2 bytes, the file has 3/],
    ['metadata of numbers', '{"__metadata__":{"a":1}}', 0, /__metadata__/],
    ['an unknown field', `{"a":${entry({ extra: 1 })}}`, 2, /needs dtype/],
  ])('refuses %s', async (_, header, size, message) => {
    await writeRaw(header, new Uint8Array(size));
    await expect(readSafetensors(path)).rejects.toThrow(message);
    await expect(readSafetensors(path)).rejects.toThrow(CoupletError);
  });

  it('refuses a file cut anywhere, and a header of an absurd size', async () => {
    await writeSafetensors(path, { a: { dtype: 'uint8', shape: [8], data: new Uint8Array(8) } });
    const { length } = await readFile(path);
    for (let size = length - 1; size >= 0; size -= 7) {
      await truncate(path, size);
      await expect(readSafetensors(path)).rejects.toThrow(CoupletError);
    }
    await writeFile(path, Buffer.alloc(64, 0xff));
    await expect(readSafetensors(path)).rejects.toThrow(/header should have/);
    await expect(readSafetensors(`${path}.none`)).rejects.toThrow(/Cannot open/);
  });

  it('never fails with anything but a CoupletError on a damaged header', async () => {
    await writeSafetensors(path, { a: { dtype: 'float32', shape: [2], data: new Uint8Array(8) } });
    const sound = await readFile(path);
    await fc.assert(
      fc.asyncProperty(fc.nat(sound.length - 1), fc.nat(255), async (at, byte) => {
        const damaged = Buffer.from(sound);
        damaged[at] = byte;
        await writeFile(path, damaged);
        await readSafetensors(path).catch((error) => expect(error).toBeInstanceOf(CoupletError));
      }),
    );
  });
});

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../tests/data/make.ts';
import { npyHeader, readNpyHeader } from './npy.ts';
import { NpyRows } from './npy-rows.ts';

const folder = temporaryFolder();
const path = join(folder, 'a.npy');
const write = (header: Uint8Array | string, bytes: number) =>
  writeFileSync(path, Buffer.concat([Buffer.from(header), Buffer.alloc(bytes)]));

/** Of NumPy 2.4: np.lib.format.header_data_from_array_1_0 for shape (3, 2) and '<f2', as np.save writes it. */
const NUMPYS = `\x93NUMPY\x01\x00v\x00{'descr': '<f2', 'fortran_order': False, 'shape': (3, 2), }`;

it('writes the header of NumPy, byte for byte', () => {
  expect(Buffer.from(npyHeader('float16', [3, 2])).toString('latin1')).toBe(`${NUMPYS.padEnd(127)}\n`);
});

it('reads what it wrote', async () => {
  write(npyHeader('float32', [3, 2, 5]), 3 * 2 * 5 * 4);
  expect(await readNpyHeader(path)).toEqual({ dtype: 'float32', shape: [3, 2, 5], dataStart: 128 });
});

it('reads all 65,536 halves', async () => {
  const bits = Uint16Array.from({ length: 65_536 }, (_, i) => i);
  writeFileSync(path, Buffer.concat([npyHeader('float16', [256, 256]), new Uint8Array(bits.buffer)]));
  const rows = new NpyRows(path, await readNpyHeader(path));
  const values = new Float32Array(65_536);
  rows.read(0, values);
  rows.close();
  const naive = (half: number) => {
    const [sign, exponent, fraction] = [half >> 15 ? -1 : 1, (half >> 10) & 31, (half & 1023) / 1024];
    if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    return sign * (exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15));
  };
  expect([...values]).toEqual([...bits].map(naive));
});

it.each([
  ['another file', 'PAR1', 200],
  ['nothing', '', 0],
  ['a header that ends outside', '\x93NUMPY\x01\x00\xff\xff{', 20],
  [
    'big endian',
    Buffer.from(npyHeader('float16', [3, 2]))
      .toString('latin1')
      .replace('<f2', '>f2'),
    12,
  ],
  [
    'Fortran order',
    Buffer.from(npyHeader('float16', [3, 2]))
      .toString('latin1')
      .replace('False', 'True '),
    12,
  ],
  [
    'objects',
    Buffer.from(npyHeader('float16', [3, 2]))
      .toString('latin1')
      .replace('<f2', '|O8'),
    12,
  ],
  ['fewer numbers than it says', Buffer.from(npyHeader('float16', [3, 2])).toString('latin1'), 11],
  ['more numbers than it says', Buffer.from(npyHeader('float16', [3, 2])).toString('latin1'), 13],
  ['more than there can be', Buffer.from(npyHeader('float16', [9e15, 9e15])).toString('latin1'), 12],
])('%s: one sentence', async (_, header, bytes) => {
  write(Buffer.from(header, 'latin1'), bytes);
  await expect(readNpyHeader(path)).rejects.toThrow(
    /^\S+a\.npy is cut or no \.npy file: [^\n]*\. Write it again\.$/,
  );
});

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeTar, put, tarHeader, temporaryFolder } from '../../../tests/data/make.ts';
import { DamagedFile } from './problems.ts';
import { TarFile, tarMembers } from './tar.ts';

function contents(path: string): Record<string, string> {
  const file = new TarFile(path);
  try {
    const bytes = readFileSync(path);
    const members = [...tarMembers(file)];
    return Object.fromEntries(
      members.map(({ name, offset, size }) => [name, bytes.toString('utf8', offset, offset + size)]),
    );
  } finally {
    file.close();
  }
}

function written(data: Uint8Array): string {
  const path = join(temporaryFolder(), 'a.tar');
  writeFileSync(path, data);
  return path;
}

const long = `${'deep/'.repeat(40)}${'x'.repeat(120)}.jpg`;
const files = {
  'a.jpg': 'first',
  'empty.txt': '',
  'sub/b.json': '{"é": 1}',
  [long]: 'long',
  'big.bin': 'z'.repeat(700_000),
  'é日.txt': 'name',
};

describe('tarMembers', () => {
  test.each(['gnu', 'pax', 'ustar', 'v7'])('reads what the system tar writes as %s', (format) => {
    const folder = temporaryFolder();
    const kept = Object.entries(files).filter(
      ([name]) => name.length < 100 || format === 'gnu' || format === 'pax',
    );
    put(folder, Object.fromEntries(kept));
    const path = join(folder, '..', `${Date.now()}-${format}.tar`);
    const names = kept.map(([name]) => name);
    execFileSync('tar', [`--format=${format}`, '-cf', path, '-C', folder, ...names]);
    expect(contents(path)).toEqual(Object.fromEntries(kept));
  });

  const python = ['/usr/bin/python3', '/usr/local/bin/python3'].find((path) => existsSync(path));
  test.runIf(python).each(['GNU_FORMAT', 'PAX_FORMAT'])(
    "reads what Python's tarfile writes as %s",
    (format) => {
      const folder = temporaryFolder();
      put(folder, files);
      const script = `import tarfile, sys
with tarfile.open('out.tar', 'w', format=tarfile.${format}) as t:
    for name in sys.argv[1:]: t.add(name)`;
      execFileSync(python!, ['-c', script, ...Object.keys(files)], { cwd: folder });
      expect(contents(join(folder, 'out.tar'))).toEqual(files);
    },
  );

  test('passes over links, folders and devices, and keeps names as text', () => {
    const entries = [
      { name: 'link.jpg', data: '', type: '2' },
      { name: 'folder/', data: '', type: '5' },
      { name: '../../etc/passwd', data: 'text' },
    ];
    expect(contents(written(makeTar(entries)))).toEqual({ '../../etc/passwd': 'text' });
  });

  test('reads sizes in base 256 and in pax records', () => {
    const header = tarHeader('a.jpg', 0);
    header.fill(0, 124, 136);
    header[124] = 0x80;
    header[135] = 4;
    header.fill(' ', 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    const body = Buffer.alloc(512);
    body.write('data');
    expect(contents(written(Buffer.concat([header, body])))).toEqual({ 'a.jpg': 'data' });
    const record = makeTar([{ name: 'x', data: '10 size=4\n', type: 'x' }]).subarray(0, 1024);
    expect(contents(written(Buffer.concat([record, tarHeader('b.jpg', 0), body])))).toEqual({
      'b.jpg': 'data',
    });
  });

  test('a cut archive gives what came before the cut, and then says where', () => {
    const path = written(
      makeTar([
        { name: 'a', data: 'x'.repeat(600) },
        { name: 'b', data: 'y'.repeat(600) },
      ]),
    );
    truncateSync(path, 512 + 1024 + 512 + 100);
    const file = new TarFile(path);
    const names: string[] = [];
    const read = () => {
      for (const { name } of tarMembers(file)) names.push(name);
    };
    expect(read).toThrow(
      new DamagedFile('cut in the middle of b: it should have 600 bytes, the archive ends after 100'),
    );
    expect(names).toEqual(['a']);
    truncateSync(path, 512 + 1024 + 200);
    expect(() => contents(path)).toThrow(/in the middle of a header/);
    truncateSync(path, 512 + 1024);
    let unmarked = 0;
    expect([...tarMembers(new TarFile(path), () => unmarked++)]).toHaveLength(1);
    expect(unmarked).toBe(1);
  });

  test('refuses what is no tar, a size past the end, and a huge name', () => {
    expect(() => contents(written(Buffer.alloc(2048, 'text')))).toThrow(/no tar header at byte 0/);
    expect(() => contents(written(Buffer.concat([tarHeader('a', 2 ** 32), Buffer.alloc(512)])))).toThrow(
      DamagedFile,
    );
    expect(() => contents(written(makeTar([{ name: 'L', data: 'n'.repeat(2 ** 21), type: 'L' }])))).toThrow(
      /name record/,
    );
  });
});

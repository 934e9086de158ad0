import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CoupletError } from '../errors.ts';
import { writeFileAtomically, writeFolderAtomically } from './atomic.ts';

let parent: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'couplet-'));
});
afterEach(() => rm(parent, { recursive: true, force: true }));

const DEAD_PID = 2 ** 22 + 1; // above Linux's largest

describe('writeFolderAtomically', () => {
  it('shows the folder only when it is whole', async () => {
    const path = join(parent, 'deep', 'step-1');
    await writeFolderAtomically(path, async (temporary) => {
      await writeFile(join(temporary, 'a'), 'A');
      await mkdir(join(temporary, 'sub'));
      await writeFile(join(temporary, 'sub', 'b'), 'B');
      expect(await readdir(join(parent, 'deep'))).toEqual([`step-1.tmp-${process.pid}`]);
    });
    expect(await readdir(join(parent, 'deep'))).toEqual(['step-1']);
    expect(await readFile(join(path, 'sub', 'b'), 'utf8')).toBe('B');
  });

  it('replaces an older folder', async () => {
    const path = join(parent, 'step-1');
    for (const name of ['old', 'new']) {
      await writeFolderAtomically(path, (temporary) => writeFile(join(temporary, name), ''));
    }
    expect(await readdir(parent)).toEqual(['step-1']);
    expect(await readdir(path)).toEqual(['new']);
  });

  it('leaves the older folder and nothing else when writing fails', async () => {
    const path = join(parent, 'step-1');
    await writeFolderAtomically(path, (temporary) => writeFile(join(temporary, 'a'), 'A'));
    const failing = writeFolderAtomically(path, async (temporary) => {
      await writeFile(join(temporary, 'half'), '');
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    });
    await expect(failing).rejects.toThrow(CoupletError);
    await expect(failing).rejects.toThrow(/step-1: the disk is full .* Make room/);
    expect(await readdir(parent)).toEqual(['step-1']);
    expect(await readdir(path)).toEqual(['a']);
  });

  it('removes what crashed processes left, puts back what they had moved aside, and spares the living', async () => {
    const alive = `step-3.tmp-${process.ppid}`;
    for (const name of [
      `step-1.tmp-${DEAD_PID}`,
      `step-2.tmp-${DEAD_PID}-replaced`,
      `step-0.tmp-${process.pid}`,
      alive,
    ]) {
      await mkdir(join(parent, name));
    }
    await writeFolderAtomically(join(parent, 'step-4'), async () => undefined);
    expect((await readdir(parent)).sort()).toEqual(['step-2', alive, 'step-4']);
  });

  it('survives a disk that is really full', async (context) => {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', parent], { stdio: 'ignore' });
    } catch {
      context.skip('mounting needs root');
    }
    try {
      await writeFolderAtomically(join(parent, 'step-1'), (temporary) =>
        writeFile(join(temporary, 'a'), 'A'),
      );
      const failing = writeFolderAtomically(join(parent, 'step-2'), (temporary) =>
        writeFile(join(temporary, 'big'), new Uint8Array(2 ** 20)),
      );
      await expect(failing).rejects.toThrow(/the disk is full/);
      expect(await readdir(parent)).toEqual(['step-1']);
      expect(await readFile(join(parent, 'step-1', 'a'), 'utf8')).toBe('A');
    } finally {
      execFileSync('umount', [parent]);
    }
  });
});

it('writeFileAtomically replaces a file, and says where it could not', async () => {
  const path = join(parent, 'x.json');
  await writeFileAtomically(path, 'old');
  await writeFileAtomically(path, 'new');
  expect(await readFile(path, 'utf8')).toBe('new');
  expect(await readdir(parent)).toEqual(['x.json']);
  await expect(writeFileAtomically(join(parent, 'none', 'x'), '')).rejects.toThrow(
    /Cannot write .*none\/x: there is no such file or folder/,
  );
});

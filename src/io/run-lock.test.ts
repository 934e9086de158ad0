import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { CoupletError } from '../errors.ts';
import { lockRun } from './run-lock.ts';

const folder = mkdtempSync(join(tmpdir(), 'couplet-lock-'));
const runDir = join(folder, 'run');
const path = join(runDir, 'lock');
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => {
  rmSync(runDir, { recursive: true, force: true });
  mkdirSync(runDir);
});

const lockOf = (pid: number, host = hostname()) =>
  writeFileSync(path, JSON.stringify({ pid, host, started: '2026-01-01T00:00:00.000Z' }));
const holder = () => JSON.parse(readFileSync(path, 'utf8'));

test('a lock names its process, keeps others out until it is given back, and can be taken again', () => {
  const { unlock } = lockRun(runDir);
  expect(holder()).toMatchObject({
    pid: process.pid,
    host: hostname(),
    started: expect.stringMatching(/^20.*Z$/),
  });
  expect(() => lockRun(runDir)).toThrow(CoupletError); // this very process, in another call
  unlock();
  expect(existsSync(path)).toBe(false);
  lockRun(runDir).unlock();
});

test('that of a live process of this machine is refused with its id, and stays', async () => {
  const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  try {
    lockOf(other.pid!);
    const before = readFileSync(path, 'utf8');
    expect(() => lockRun(runDir)).toThrow(
      `${runDir} is being written by process ${other.pid} on ${hostname()}. Wait for it, or give this run another --name. If that process has ended, remove ${path}.`,
    );
    expect(readFileSync(path, 'utf8')).toBe(before);
    const ended = new Promise((resolve) => other.once('exit', resolve));
    other.kill('SIGKILL');
    await ended;
    lockRun(runDir).unlock();
  } finally {
    other.kill('SIGKILL');
  }
});

test('those of a dead process, and of an earlier one with the id of this, are taken over', () => {
  for (const pid of [spawnSync(process.execPath, ['-e', '0']).pid, process.pid]) {
    lockOf(pid);
    const { unlock } = lockRun(runDir);
    expect(holder().started).not.toBe('2026-01-01T00:00:00.000Z');
    unlock();
  }
});

test.runIf(process.platform === 'linux')('the id of a dead process may be that of another by now', () => {
  const { unlock } = lockRun(runDir);
  const { ticks } = holder();
  unlock();
  const parent = { pid: process.ppid, host: hostname(), started: '' };
  writeFileSync(path, JSON.stringify({ ...parent, ticks: ticks + 1 }));
  lockRun(runDir).unlock();
  const stat = readFileSync(`/proc/${process.ppid}/stat`, 'utf8').replace(/^.*\) /s, '');
  writeFileSync(path, JSON.stringify({ ...parent, ticks: Number(stat.split(' ')[19]) }));
  expect(ticks).toBeGreaterThanOrEqual(holder().ticks); // a parent begins first
  expect(() => lockRun(runDir)).toThrow(/is being written/);
});

test('on another machine nobody can tell whether a process is dead: refused', () => {
  lockOf(spawnSync(process.execPath, ['-e', '0']).pid, 'elsewhere');
  expect(() => lockRun(runDir)).toThrow(/is being written by process \d+ on elsewhere\./);
});

test('one that was cut is refused', () => {
  writeFileSync(path, '{"pid": 1');
  expect(() => lockRun(runDir)).toThrow(/is being written by an unknown process\./);
});

test('a folder that was made for the lock goes with it, unless something was written', () => {
  const fresh = join(folder, 'fresh');
  lockRun(fresh).unlock();
  expect(existsSync(fresh)).toBe(false);
  const { unlock } = lockRun(fresh);
  writeFileSync(join(fresh, 'metrics.jsonl'), '');
  unlock();
  expect(existsSync(join(fresh, 'metrics.jsonl'))).toBe(true);
});

test('a folder that cannot be made is named', () => {
  writeFileSync(join(folder, 'file'), '');
  expect(() => lockRun(join(folder, 'file', 'run'))).toThrow(
    /^Cannot write .*file\/run\/lock: a part of the path is a file/,
  );
});

test('a lock knows that its folder is gone, or belongs to another process, and leaves that one alone', () => {
  const lock = lockRun(runDir);
  expect(lock.state()).toBe('held');
  renameSync(runDir, join(folder, 'renamed'));
  expect(lock.state()).toBe('gone');
  mkdirSync(runDir);
  lockOf(1);
  expect(lock.state()).toBe('taken');
  lock.unlock();
  expect(holder().pid).toBe(1);
});

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

export type Row = Record<string, unknown>;

/** The Python whose torch is the same libtorch: Debian's first, then the one on PATH; undefined when neither has torch. */
export function pythonWithTorch(): string | undefined {
  const candidates = [process.env.PYTHON, '/usr/bin/python3', 'python3'].filter((path): path is string =>
    Boolean(path),
  );
  return candidates.find(
    (path) =>
      (path.includes('/') ? existsSync(path) : true) && spawnSync(path, ['-c', 'import torch']).status === 0,
  );
}

/** Runs a program that prints one JSON line last, and returns that line. Throws with its errors when it fails. */
export function runRow(command: string, args: readonly string[]): Row {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${stderr}`);
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Row;
}

export const runTypeScript = (file: string, args: readonly string[] = []): Row =>
  runRow(process.execPath, ['--import', 'jiti/register', file, ...args]);

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2;
}

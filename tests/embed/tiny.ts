import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunConfigInput } from '../../src/config/index.ts';
import { tinyConfig, trainTiny } from '../run/harness.ts';
import { asManifest, shapes } from '../run/shapes.ts';

/** A trained run, and pictures that it has not seen. */
export async function tinyRun(folder: string, more: Partial<RunConfigInput> = {}): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const train = asManifest(join(folder, 'data'), await shapes(96));
  const { runDir } = await trainTiny(tinyConfig({ train, duration: { steps: 4 }, ...more }), {
    runsDir: folder,
  });
  return runDir;
}

/** Name and bytes of each file. */
export const contentsOf = (folder: string): Record<string, Buffer> =>
  Object.fromEntries(
    readdirSync(folder)
      .sort()
      .map((name) => [name, readFileSync(join(folder, name))]),
  );

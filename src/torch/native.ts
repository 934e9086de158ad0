import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Native } from '../../native/native.d.ts';
import { CoupletError } from '../errors.ts';
import { coresOfRank } from './cores.ts';
import { TensorDisposedError, TorchError } from './errors.ts';

const HOW = 'Run scripts/setup in the project: it finds or installs libtorch and builds the addon.';

/**
 * What libgomp and libtorch read when they are loaded. OMP_NUM_THREADS: the cores of this machine are shared by its ranks.
 * GOMP_SPINCOUNT: how long an idle thread spins before it sleeps: by default milliseconds, in which it takes a core from the
 * decoders. On two busy cores a small model trained four to five times slower (docs/log.md). 1000 turns are microseconds.
 */
function setEnvironment(): void {
  process.env.OMP_NUM_THREADS ??= String(coresOfRank());
  process.env.GOMP_SPINCOUNT ??= '1000';
  // c10d tells of every connection between ranks.
  process.env.TORCH_CPP_LOG_LEVEL ??= 'ERROR';
  process.env.GLOG_minloglevel ??= '3';
}

/** The project's folder: the one with native/, whether this runs from src/ or dist/. */
const projectRoot = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

function addonPath(): string {
  const record = join(projectRoot, 'build/addon.json');
  if (!existsSync(record))
    throw new CoupletError(`The libtorch addon is not built (${record} is missing). ${HOW}`);
  const { addon } = JSON.parse(readFileSync(record, 'utf8')) as { addon: string };
  return resolve(projectRoot, addon);
}

function load(): Native {
  setEnvironment();
  const path = addonPath();
  let native: Native;
  try {
    native = createRequire(import.meta.url)(path) as Native;
  } catch (error) {
    throw new CoupletError(`The libtorch addon ${path} does not load: ${(error as Error).message}. ${HOW}`);
  }
  const { compiled, config } = native.versions();
  const running = /TORCH_VERSION=([0-9]+\.[0-9]+)/.exec(config)?.[1];
  if (running && !compiled.startsWith(`${running}.`)) {
    throw new CoupletError(`The addon was built for libtorch ${compiled}, but ${running} was loaded. ${HOW}`);
  }
  native.setErrorTypes(TorchError, TensorDisposedError);
  return native;
}

/** The addon. Only files of `src/torch/` may import this. */
export const native: Native = load();

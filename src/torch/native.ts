import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Native } from '../../native/native.d.ts';
import { CoupletError } from '../errors.ts';
import { coresOfRank } from './cores.ts';
import { TensorDisposedError, TorchError } from './errors.ts';

const REBUILD = 'Run scripts/setup in the project: it finds or installs libtorch and builds the addon.';

/** libgomp and libtorch read these variables when they are loaded. */
function setEnvironment(): void {
  process.env.OMP_NUM_THREADS ??= String(coresOfRank());
  // Idle threads spin for microseconds; with the default of milliseconds they take cores from the decoders (docs/log.md).
  process.env.GOMP_SPINCOUNT ??= '1000';
  // Silences c10d's line for each connection.
  process.env.TORCH_CPP_LOG_LEVEL ??= 'ERROR';
  process.env.GLOG_minloglevel ??= '3';
}

/** From src/torch or dist/torch. */
const projectRoot = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

function addonPath(): string {
  const descriptor = join(projectRoot, 'build/addon.json');
  if (!existsSync(descriptor))
    throw new CoupletError(`The libtorch addon is not built (${descriptor} is missing). ${REBUILD}`);
  return resolve(projectRoot, addonIn(descriptor));
}

/** Without the schema of other files: this room is below the one that checks them. */
function addonIn(descriptor: string): string {
  let addon: unknown;
  try {
    addon = (JSON.parse(readFileSync(descriptor, 'utf8')) as { addon?: unknown } | null)?.addon;
  } catch (error) {
    throw new CoupletError(`${descriptor} cannot be read: ${(error as Error).message}. ${REBUILD}`);
  }
  if (typeof addon === 'string') return addon;
  throw new CoupletError(`${descriptor} names no addon. ${REBUILD}`);
}

function load(): Native {
  setEnvironment();
  const path = addonPath();
  let native: Native;
  try {
    native = createRequire(import.meta.url)(path) as Native;
  } catch (error) {
    throw new CoupletError(
      `The libtorch addon ${path} does not load: ${(error as Error).message}. ${REBUILD}`,
    );
  }
  const { compiled, config } = native.versions();
  const running = /TORCH_VERSION=([0-9]+\.[0-9]+)/.exec(config)?.[1];
  if (running && !compiled.startsWith(`${running}.`)) {
    throw new CoupletError(
      `The addon was built for libtorch ${compiled}, but ${running} was loaded. ${REBUILD}`,
    );
  }
  native.setErrorTypes(TorchError, TensorDisposedError);
  return native;
}

/** For files of `src/torch/` only. */
export const native: Native = load();

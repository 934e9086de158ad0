import { existsSync } from 'node:fs';
import { copyFile, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { CoupletError } from '../errors.ts';
import { FILES, type PageFile } from './layout.ts';
import { licences } from './licences.ts';
import { STYLE } from './page-style.ts';

/** Copies scripts and engine, which are the same for all pages, into `folder`. @returns the engine's wasm */
export async function writeParts(folder: string): Promise<PageFile> {
  const scripts = scriptsFolder();
  for (const file of [FILES.page, FILES.worker]) await copyFile(join(scripts, file), join(folder, file));
  // Glue and wasm of one package always fit each other.
  const wasm = createRequire(import.meta.url).resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm');
  await copyFile(join(dirname(wasm), 'ort.wasm.bundle.min.mjs'), join(folder, FILES.engine));
  await copyFile(wasm, join(folder, FILES.wasm));
  await writeFile(join(folder, FILES.style), STYLE);
  await writeFile(join(folder, FILES.licences), await licences());
  return { file: FILES.wasm, bytes: (await stat(wasm)).size };
}

/** Beside this file where Couplet is compiled; else, in a clone, where it would be. */
function scriptsFolder(): string {
  const here = join(import.meta.dirname, 'browser');
  const compiled = join(import.meta.dirname, '../../dist/search-page/browser');
  const found = [here, compiled].find((folder) => existsSync(join(folder, FILES.worker)));
  if (found) return found;
  throw new CoupletError(
    `The scripts of search pages are not built: ${compiled} is missing. Run scripts/setup.`,
  );
}

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CoupletError } from '../errors.ts';

/**
 * The address of a module that a thread starts from, beside the one that asks. Under a test runner that one is TypeScript, which Node 20
 * cannot start a thread from: then the built module is taken.
 * @param folder of the module in `src`
 */
export function builtModule(from: string, name: string, folder: string): URL {
  if (!from.endsWith('.ts')) return new URL(`${name}.js`, from);
  const built = new URL(`../../dist/${folder}/${name}.js`, from);
  if (existsSync(built)) return built;
  throw new CoupletError(
    `A thread's module is not built: expected ${fileURLToPath(built)}. Run \`npm run build\` (npx tsc -p tsconfig.build.json).`,
  );
}

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CoupletError } from '../../errors.ts';

/**
 * The address of a module that a thread starts from, relative to the module that asks. Node 20 cannot start a thread from TypeScript, so
 * a module of `src` gets the built one of `dist`.
 * @throws CoupletError when it is not built
 */
export function builtModule(from: string, name: string): URL {
  const built = new URL(`${name}.js`, from.endsWith('.ts') ? inDist(from) : from);
  if (existsSync(built)) return built;
  throw new CoupletError(
    `A thread's module is not built: expected ${fileURLToPath(built)}. Run \`npm run build\` (npx tsc -p tsconfig.build.json).`,
  );
}

/** The same place below `dist` instead of the last `src`. */
const inDist = (url: string) => url.replace(/^(.*)\/src\//, '$1/dist/');

import type { RunConfigInput } from '../../src/config/index.ts';

const BEFORE = 'export default defineConfig(';

/** The config of a block of TypeScript; a config is plain data, so nothing else is in it. */
export function configOf(block: string): RunConfigInput {
  if (!block.startsWith(BEFORE)) throw new Error(`expected ${BEFORE}, got ${block.slice(0, 40)}`);
  return new Function(`return ${block.slice(BEFORE.length).trimEnd().replace(/\);$/, '')}`)();
}

import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { alias: { couplet: fileURLToPath(new URL('./src/index.ts', import.meta.url)) } },
  test: {
    include: ['src/**/*.test.ts', 'tests/**/*.test.ts', 'demos/**/*.test.ts'],
    globalSetup: ['tests/temporary-files.ts'],
    // libtorch lives in the process: forks, so that a crash names its file; two, because CI has two cores.
    pool: 'forks',
    maxWorkers: 2,
    // Only a hang reaches them: how long a test takes depends on what else the machine does.
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});

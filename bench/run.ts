/** All benchmarks that need no GPU, one after the other. `npm run bench`; a quiet machine gives quiet numbers. */
import { spawnSync } from 'node:child_process';
import { pythonWithTorch, runRow, runTypeScript } from './pairs.ts';

console.log('# What does one op cost?');
console.log(JSON.stringify(runTypeScript('bench/op.ts')));
const python = pythonWithTorch();
if (python) console.log(JSON.stringify(runRow(python, ['bench/op.py'])));
for (const [question, file] of [
  ['Is a training step as fast as in PyTorch on the same libtorch?', 'bench/compare-step.ts'],
  ['How many images a second does the loader bring?', 'bench/loader.ts'],
]) {
  console.log(`\n# ${question}`);
  spawnSync(process.execPath, ['--import', 'jiti/register', file], { stdio: 'inherit' });
}

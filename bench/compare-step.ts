/**
 * Is a training step as fast as PyTorch's on the same libtorch? Runs bench/step.ts and bench/step.py in turn, A B A B ...,
 * and prints the median ratio of the pairs.
 *   node --import jiti/register bench/compare-step.ts [--pairs 5] [--precision float32,bfloat16] [-- flags of bench/step.ts]
 */
import { parseArgs } from 'node:util';
import { median, pythonWithTorch, runRow, runTypeScript } from './shared/pairs.ts';

const { values, positionals } = parseArgs({
  options: {
    pairs: { type: 'string', default: '5' },
    precision: { type: 'string', default: 'float32,bfloat16' },
  },
  allowPositionals: true,
});
const python = pythonWithTorch();
if (!python) {
  console.log(
    'compare-step: no Python with torch here (Debian: apt-get install python3-torch); nothing to compare with.',
  );
  process.exit(0);
}
const base =
  positionals.length > 0
    ? positionals
    : ['--model', 'ViT-S-16', '--image-size', '112', '--batch', '64', '--warmup', '1', '--steps', '3'];
for (const precision of values.precision.split(',')) {
  const flags = [...base, '--precision', precision];
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let pair = 0; pair < Number(values.pairs); pair++) {
    ours.push(runTypeScript('bench/step.ts', flags).ms_per_step as number);
    theirs.push(runRow(python, ['bench/step.py', ...flags]).ms_per_step as number);
    console.error(
      `${precision} pair ${pair + 1}: couplet ${ours[pair].toFixed(0)} ms, pytorch ${theirs[pair].toFixed(0)} ms`,
    );
  }
  const ratio = median(ours.map((ms, i) => ms / theirs[i]));
  console.log(
    JSON.stringify({
      bench: 'step',
      precision,
      couplet_ms: median(ours),
      pytorch_ms: median(theirs),
      ratio,
      pairs: ours.length,
    }),
  );
}

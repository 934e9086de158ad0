/**
 * On a GPU, how fast is the CLIP ViT-B/16 step beside eager PyTorch and torch.compile?
 * Needs a GPU.
 *   node --import jiti/register bench/gpu.ts [--rounds 2] [-- flags of bench/step.ts]
 * PYTHON names the Python whose torch is the libtorch that the addon was built for.
 */
import { parseArgs } from 'node:util';
import { median, pythonWithTorch, type Row, runRow, runTypeScript } from './shared/pairs.ts';

const { values, positionals } = parseArgs({
  options: { rounds: { type: 'string', default: '2' } },
  allowPositionals: true,
});
const flags =
  positionals.length > 0
    ? positionals
    : '--model ViT-B-16 --batch 256 --device cuda --precision bfloat16 --warmup 5 --steps 20'.split(' ');
const python = pythonWithTorch();
const contestants: [string, () => Row][] = [
  ['couplet clip', () => runTypeScript('bench/step.ts', flags)],
  ['couplet fastclip', () => runTypeScript('bench/step.ts', [...flags, '--method', 'fastclip'])],
];
if (python) {
  contestants.push(['pytorch eager', () => runRow(python, ['bench/step.py', ...flags])]);
  contestants.push(['torch.compile', () => runRow(python, ['bench/step.py', ...flags, '--compile'])]);
}
const times = new Map<string, number[]>(contestants.map(([name]) => [name, []]));
for (let round = 0; round < Number(values.rounds); round++) {
  for (const [name, run] of contestants) {
    try {
      times.get(name)!.push(run().ms_per_step as number);
    } catch (error) {
      console.error(`${name} did not run: ${(error as Error).message.split('\n').slice(0, 3).join(' ')}`);
    }
  }
}
const eager = times.get('pytorch eager');
for (const [name, all] of times) {
  if (all.length === 0) continue;
  const against = eager?.length ? `, ${(median(all) / median(eager)).toFixed(3)} of eager` : '';
  console.log(`${name.padEnd(18)}${median(all).toFixed(1)} ms per step${against}`);
}

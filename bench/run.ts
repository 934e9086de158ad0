/**
 * Every benchmark of this folder that needs nothing more than this machine, one after the other: `npm run bench`.
 * A bench begins with its question. `Needs ...` and `Part of ...` in its header leave it out; `Twin: ...` is the same in Python.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { pythonWithTorch } from './shared/pairs.ts';

const run = (command: string, args: readonly string[]) => spawnSync(command, args, { stdio: 'inherit' });
const python = pythonWithTorch();
for (const name of readdirSync('bench').toSorted()) {
  if (!name.endsWith('.ts') || name === 'run.ts') continue;
  const file = `bench/${name}`;
  const [header] = readFileSync(file, 'utf8').split('*/');
  const question = /[A-Z][^?]*\?/.exec(header)?.[0] ?? file;
  const reason = /^ \* ((?:Needs|Part of) .*)\.$/m.exec(header)?.[1];
  console.log(`\n# ${question}\n# ${file}${reason ? `: left out. ${reason}.` : ''}`);
  if (reason) continue;
  run(process.execPath, ['--import', 'jiti/register', file]);
  const twin = /^ \* Twin: (.*)\.$/m.exec(header)?.[1];
  if (twin && python) run(python, [twin]);
}

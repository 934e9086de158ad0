/**
 * Shows that two commits train with the same numbers: tiny runs of every method, ten steps and a resume, on the CPU.
 *
 *   node --import jiti/register scripts/same-numbers.ts BEFORE [AFTER]     # folders of two checkouts that are set up; AFTER is this one
 *
 * Compares each tensor of each checkpoint byte by byte, and each number of metrics.jsonl that does not depend on the clock.
 * Prints a line a case; ends with 1 when anything differs.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { type Case, cases } from './same-numbers-cases.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Metrics that follow the clock or the machine, under the names of both commits. */
const CLOCKED = /seconds|per_second|wait|memory|samples_per|share_of|probe_cost/;
/** libtorch's own generator is seeded by the clock, and no run draws from it. */
const UNSEEDED = 'random.cpu';

/** 64 drawings of 40 x 40 pixels in 8 classes, as a folder of classes and as a CSV with captions. */
async function makeData(folder: string): Promise<void> {
  const colours = ['red', 'green', 'blue', 'gold', 'black', 'teal', 'pink', 'brown'];
  const rows = ['filepath,title'];
  for (let k = 0; k < 64; k++) {
    const colour = colours[k % 8]!;
    const size = 8 + (k % 5) * 3;
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><rect width="40" height="40" fill="white"/><rect x="${k % 11}" y="${k % 7}" width="${size}" height="${size}" fill="${colour}"/></svg>`;
    mkdirSync(join(folder, 'pictures', colour), { recursive: true });
    const file = join(folder, 'pictures', colour, `${k}.png`);
    writeFileSync(file, await sharp(Buffer.from(svg)).png().toBuffer());
    rows.push(`${file},a ${colour} square number ${k} of side ${size}`);
  }
  writeFileSync(join(folder, 'pictures.csv'), `${rows.join('\n')}\n`);
}

/** The tensors of a safetensors file: name to type, shape and bytes. */
function tensorsOf(path: string): Map<string, string> {
  const file = readFileSync(path);
  const length = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.subarray(8, 8 + length).toString()) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const entries = Object.entries(header).filter(([name]) => name !== '__metadata__' && name !== UNSEEDED);
  return new Map(
    entries.map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [from, to],
        },
      ]) => [
        name,
        `${dtype} ${shape} ${file.subarray(8 + length + from, 8 + length + to).toString('base64')}`,
      ],
    ),
  );
}

/** All that a run's folder says in numbers, by a name that says where. */
function numbersOf(runDir: string): Map<string, string> {
  const numbers = new Map<string, string>();
  const lines = readFileSync(join(runDir, 'metrics.jsonl'), 'utf8').trim().split('\n');
  lines.forEach((line, at) => {
    for (const [key, value] of Object.entries(JSON.parse(line) as Record<string, unknown>)) {
      if (!CLOCKED.test(key)) numbers.set(`metrics.jsonl ${at} ${key}`, String(value));
    }
  });
  for (const step of readdirSync(join(runDir, 'checkpoints')).sort()) {
    for (const name of readdirSync(join(runDir, 'checkpoints', step)).sort()) {
      if (!name.endsWith('.safetensors')) continue;
      const path = join(runDir, 'checkpoints', step, name);
      for (const [tensor, bytes] of tensorsOf(path)) numbers.set(`${step} ${tensor}`, bytes);
    }
  }
  return numbers;
}

/** Names of what differs, or is on one side only. */
const differences = (a: Map<string, string>, b: Map<string, string>) =>
  [...new Set([...a.keys(), ...b.keys()])].filter((name) => a.get(name) !== b.get(name));

/** Trains a case with a checkout, then its second half again from the checkpoint between. */
async function numbersWith(checkout: string, { config, flags = [], half = 5 }: Case, folder: string) {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'run.mjs');
  writeFileSync(file, `export default ${JSON.stringify(config)};\n`);
  const command = [join(checkout, 'dist/cli/couplet.cjs'), 'train', file, '--name', 'run', ...flags];
  const env = { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' }; // sums in one order, whatever the machine
  const call = (more: string[]) => run(process.execPath, [...command, ...more], { cwd: folder, env });
  await call([]);
  const runDir = join(folder, 'runs', 'run');
  const whole = numbersOf(runDir);
  await call(['--resume', join(runDir, 'checkpoints', `step-${String(half).padStart(8, '0')}`)]);
  return { whole, resumed: numbersOf(runDir) };
}

async function compare(name: string, each: Case, folder: string, checkouts: readonly [string, string]) {
  const numbers = await Promise.allSettled(
    checkouts.map((checkout, i) => numbersWith(checkout, each, join(folder, name, String(i)))),
  );
  const failed = numbers.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
  for (const { stderr, message } of failed) console.log(`FAILED  ${name}\n${stderr ?? message}`);
  if (failed.length > 0) return false;
  const [before, after] = numbers.map((each) => (each.status === 'fulfilled' ? each.value : undefined));
  const pairs = { whole: [before!.whole, after!.whole], resumed: [before!.resumed, after!.resumed] } as const;
  const worst = Object.entries(pairs).flatMap(([kind, [a, b]]) =>
    differences(a, b).map((what) => `${kind}: ${what}`),
  );
  const count = before!.whole.size + before!.resumed.size;
  console.log(
    worst.length === 0 ? `same    ${name}  ${count} values` : `DIFFER  ${name}  ${worst.length} of ${count}`,
  );
  for (const what of worst.slice(0, 5)) console.log(`          ${what}`);
  return worst.length === 0;
}

const [before, after = ROOT, only = ''] = process.argv.slice(2);
if (!before) {
  console.error(
    'usage: scripts/same-numbers.ts BEFORE [AFTER [PATTERN]], two folders where scripts/setup was run',
  );
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), 'couplet-same-numbers-'));
try {
  await makeData(folder);
  let same = true;
  for (const [name, each] of Object.entries(cases(folder))) {
    if (!new RegExp(only).test(name)) continue;
    same = (await compare(name, each, folder, [resolve(before), resolve(after)])) && same;
  }
  process.exitCode = same ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

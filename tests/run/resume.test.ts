import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import type { RunConfigInput } from '../../src/config/index.ts';
import { isTemporary } from '../../src/io/atomic.ts';
import { latestCheckpoint } from '../../src/io/checkpoint-files.ts';
import {
  type Command,
  couplet,
  modelBytes,
  numbersOf,
  runsFolder,
  stepsSaved,
  type TinyConfig,
  tinyConfig,
  trainTiny,
} from './harness.ts';
import { asManifest, asWebdataset, shapes } from './shapes.ts';

/** A run that is interrupted must be, to the last bit, the run that was not: numbers, evaluations, best checkpoint and weights. */

const STEPS = 30;
const folder = runsFolder();
const runsDir = join(folder, 'runs');
let base: TinyConfig;

beforeAll(async () => {
  const heldOut = asManifest(join(folder, 'test'), await shapes(48, { seed: 1 }));
  base = {
    // 100 samples and 16 in a batch: epochs end inside a batch.
    train: asWebdataset(join(folder, 'train'), await shapes(100)),
    duration: { steps: STEPS },
    evaluate: { every: { steps: 7 }, retrieval: { data: heldOut }, bestBy: 'mean_recall' },
    checkpoint: { every: { steps: 5 }, keep: 2 },
    data: { train: [], flip: true, crop: { scale: [0.6, 1] } } as unknown as RunConfigInput['data'],
  };
});

const nameOf = (config: RunConfigInput) => join(runsDir, config.name!);
const named = (name: string, more: Partial<TinyConfig> = {}) => tinyConfig({ ...base, ...more, name });

/** Writes the config, starts the command. */
function start(config: RunConfigInput, flags: readonly string[] = [], preload?: string): Command {
  const path = join(folder, `${config.name}.json`);
  writeFileSync(path, JSON.stringify(config));
  return couplet(['train', path, '--runs', runsDir, ...flags], { cwd: folder, ...(preload && { preload }) });
}

async function finish(config: RunConfigInput, ...flags: string[]): Promise<string> {
  const { code, stderr } = await start(config, flags).ended;
  expect(code, stderr).toBe(0);
  expect(stderr).toContain(`done: ${nameOf(config)}`);
  return stderr;
}

/** All that must be equal. */
async function traceOf(runDir: string) {
  return {
    rows: numbersOf(runDir),
    best: JSON.parse(readFileSync(join(runDir, 'best.json'), 'utf8')) as { step: number },
    saved: await stepsSaved(runDir),
    tokenizer: readFileSync(join(runDir, 'tokenizer.json'), 'utf8'),
  };
}

async function expectSame(runDir: string, reference: string): Promise<void> {
  const trace = await traceOf(runDir);
  expect(trace).toEqual(await traceOf(reference));
  for (const step of trace.saved)
    expect(modelBytes(runDir, step).equals(modelBytes(reference, step))).toBe(true);
}

const kinds: Record<string, Partial<TinyConfig>> = {
  fastclip: {},
  // Two threads too: libtorch splits its sums the same way each time.
  clip: { method: { name: 'clip' }, threads: 2, optimizer: { name: 'lion', peakLr: 5e-4 } },
  // A temperature for each sample, batches in parts, another optimizer's state.
  'fastclip-v2': {
    method: { name: 'fastclip', version: 'v2' },
    batch: { globalBatchSize: 16, gradAccumSteps: 2 },
    optimizer: { name: 'lamb', peakLr: 2e-3 },
  },
};

describe.each(Object.entries(kinds))('%s, interrupted in this process', (kind, options) => {
  const whole = `${kind}-whole`;

  beforeAll(async () => {
    const { finished } = await trainTiny(named(whole, options), { runsDir });
    expect(finished).toBe(true);
    const { rows, saved, best } = await traceOf(join(runsDir, whole));
    expect(rows.filter((row) => 'train/loss' in row)).toHaveLength(STEPS);
    expect(rows.filter((row) => 'eval/mean_recall' in row)).toHaveLength(5);
    expect(new Set(rows.map((row) => row['train/loss'])).size).toBeGreaterThan(STEPS);
    expect(saved).toEqual(expect.arrayContaining([best.step, STEPS]));
  });

  // @proves trainStep
  test('a signal at step 13, then --resume latest, with other workers', async () => {
    const name = `${kind}-aborted`;
    const abort = new AbortController();
    const onEvent = (event: { type: string; row?: Record<string, number> }) => {
      if (event.type === 'log' && event.row!.step === 13) abort.abort();
    };
    const config = named(name, options);
    const first = await trainTiny(config, { runsDir, signal: abort.signal, onEvent });
    expect(first).toMatchObject({ step: 13, finished: false, totalSteps: STEPS });
    expect(await stepsSaved(first.runDir)).toContain(13);

    const other = named(name, { ...options, data: { ...base.data!, workers: 3, prefetchBatches: 1 } });
    const second = await trainTiny(other, { runsDir, resume: 'latest' });
    expect(second.events[0]).toMatchObject({ type: 'start', step: 13 });
    expect(second.finished).toBe(true);
    await expectSame(second.runDir, join(runsDir, whole));
  });
});

describe('the command, in processes of its own', () => {
  const whole = 'command-whole';
  const often = { checkpoint: { every: { steps: 1 }, keep: 2 } };

  test('gives the numbers that train() gives', async () => {
    await finish(named(whole, often));
    const [runDir, reference] = [join(runsDir, whole), join(runsDir, 'fastclip-whole')];
    expect(numbersOf(runDir)).toEqual(numbersOf(reference));
    expect(modelBytes(runDir, STEPS).equals(modelBytes(reference, STEPS))).toBe(true);
    const other = await trainTiny(named('seed', { seed: 1, duration: { steps: 1 } }), { runsDir });
    expect(other.rows[0]!['train/loss']).not.toBe(numbersOf(reference)[0]!['train/loss']);
  });

  test('SIGTERM saves, says how to go on, and that goes on', async () => {
    const config = named('command-stopped', { checkpoint: { keep: 2 } });
    const run = start(config);
    await run.says(/step 9\/30/);
    run.child.kill('SIGTERM');
    const { code, stderr } = await run.ended;
    expect(code).toBe(143);
    expect(stderr).toContain('finishing this step, saving, then stopping');
    const goOn = /stopped at step (?<step>\d+) of 30 and saved; go on with: couplet (?<command>.*)/;
    const { step, command } = goOn.exec(stderr)!.groups!;
    expect(await stepsSaved(nameOf(config))).toContain(Number(step));
    const second = await couplet(command!.split(' '), { cwd: folder }).ended;
    expect(second.code, second.stderr).toBe(0);
    expect(second.stderr).toContain(`from step ${step} to 30`);
    expect(numbersOf(nameOf(config))).toEqual(numbersOf(join(runsDir, whole)));
    const last = modelBytes(nameOf(config), STEPS);
    expect(last.equals(modelBytes(join(runsDir, whole), STEPS))).toBe(true);
  });

  function halfWritten(runDir: string): string[] {
    const checkpoints = join(runDir, 'checkpoints');
    return existsSync(checkpoints) ? readdirSync(checkpoints).filter(isTemporary) : [];
  }

  /** Kills as soon as a checkpoint's temporary folder is there: while it is being written. */
  async function killWhileSaving({ child, said }: Command, runDir: string, after: number): Promise<void> {
    while (child.exitCode === null && child.signalCode === null) {
      if (said().split('saved ').length > after && halfWritten(runDir).length > 0) break;
      await sleep(1);
    }
    child.kill('SIGKILL');
  }

  /** A process that kills itself when all of checkpoint number `count` is written, but not yet named. */
  function killedBeforeRename(count: number): string {
    const path = join(folder, `before-rename-${count}.cjs`);
    writeFileSync(
      path,
      `const files = require('node:fs/promises');
       const { rename } = files;
       let seen = 0;
       files.rename = (from, to) => {
         if (/step-\\d+$/.test(to) && ++seen === ${count}) process.kill(process.pid, 'SIGKILL');
         return rename(from, to);
       };
       require('node:module').syncBuiltinESMExports();`,
    );
    return path;
  }

  test('kill -9, again and again, also while a checkpoint is written: the last one is whole, the run is the same', async () => {
    const config = named('command-killed', often);
    const runDir = nameOf(config);
    let seed = 20;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 8) % below;
    };
    const left: string[] = [];
    for (const kind of ['random', 'saving', 'random', 'renaming', 'saving'] as const) {
      const before = (await latestCheckpoint(runDir))?.step ?? 0;
      const saves = 1 + random(4);
      const preload = kind === 'renaming' ? killedBeforeRename(saves) : undefined;
      const run = start(config, before > 0 || left.length > 0 ? ['--resume', 'latest'] : [], preload);
      if (kind === 'saving') await killWhileSaving(run, runDir, saves);
      if (kind === 'random') {
        await run.says(new RegExp(`step ${before + saves}/${STEPS}`));
        await sleep(random(10));
        run.child.kill('SIGKILL');
      }
      expect((await run.ended).signal).toBe('SIGKILL');
      left.push(kind, ...halfWritten(runDir));
      const last = await latestCheckpoint(runDir, {
        onDamaged: ({ path }) => expect.fail(`${path} has its name but is not whole`),
      });
      expect(last?.step ?? 0).toBeGreaterThanOrEqual(before);
      if (kind === 'renaming') {
        expect(last!.step).toBe(before + saves - 1);
        expect(left.at(-1)).toMatch(new RegExp(`^step-0*${before + saves}\\.tmp-\\d+$`));
      }
      const seen = numbersOf(runDir);
      expect(seen).toEqual(numbersOf(join(runsDir, whole)).slice(0, seen.length));
    }
    const said = await finish(config, '--resume', 'latest');
    expect(said).toMatch(/from step [1-9]\d* to 30/);
    expect(halfWritten(runDir)).toEqual([]);
    await expectSame(runDir, join(runsDir, whole));
  });
});

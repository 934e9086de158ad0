import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import type { RunConfigInput } from '../../src/config/index.ts';
import { latestCheckpoint } from '../../src/io/checkpoint-files.ts';
import { temporaryFolder } from '../data/make.ts';
import {
  type Command,
  couplet,
  modelBytes,
  numbersOf,
  stepsSaved,
  type TinyConfig,
  tinyConfig,
  trainTiny,
} from './harness.ts';
import { asManifest, asWebdataset, shapes } from './shapes.ts';

/** A run that is interrupted must be, to the last bit, the run that was not: numbers, evaluations, best checkpoint and weights. */

const STEPS = 30;
const folder = temporaryFolder();
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
}, 60_000);

const nameOf = (config: RunConfigInput) => join(runsDir, config.name!);
const named = (name: string, more: Partial<TinyConfig> = {}) => tinyConfig({ ...base, ...more, name });

/** Writes the config, starts the command. */
function start(config: RunConfigInput, ...flags: string[]): Command {
  const path = join(folder, `${config.name}.json`);
  writeFileSync(path, JSON.stringify(config));
  return couplet(['train', path, '--runs', runsDir, ...flags], { cwd: folder });
}

async function finish(config: RunConfigInput, ...flags: string[]): Promise<string> {
  const { code, stderr } = await start(config, ...flags).ended;
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

describe.each(['fastclip', 'clip'] as const)('%s, interrupted in this process', (method) => {
  const whole = `${method}-whole`;
  // Two threads too: libtorch splits its sums the same way each time.
  const options = { method: { name: method }, threads: method === 'clip' ? 2 : 1 };

  beforeAll(async () => {
    const { finished } = await trainTiny(named(whole, options), { runsDir });
    expect(finished).toBe(true);
    const { rows, saved, best } = await traceOf(join(runsDir, whole));
    expect(rows.filter((row) => 'train/loss' in row)).toHaveLength(STEPS);
    expect(rows.filter((row) => 'eval/mean_recall' in row)).toHaveLength(5);
    expect(new Set(rows.map((row) => row['train/loss'])).size).toBeGreaterThan(STEPS);
    expect(saved).toEqual(expect.arrayContaining([best.step, STEPS]));
  }, 60_000);

  test('a signal at step 13, then --resume latest, with other workers', async () => {
    const name = `${method}-aborted`;
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

  /** Kills as soon as a checkpoint's temporary folder is there: while it is being written. */
  async function killWhileSaving({ child, said }: Command, runDir: string, after: number): Promise<void> {
    const checkpoints = join(runDir, 'checkpoints');
    while (child.exitCode === null && child.signalCode === null) {
      const saves = said().split('saved ').length - 1;
      if (
        saves >= after &&
        existsSync(checkpoints) &&
        readdirSync(checkpoints).some((name) => name.includes('.tmp-'))
      )
        break;
      await sleep(1);
    }
    child.kill('SIGKILL');
  }

  test('kill -9, again and again, also while a checkpoint is written: the last one is whole, the run is the same', async () => {
    const config = named('command-killed', often);
    const runDir = nameOf(config);
    let seed = 20;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 8) % below;
    };
    let killed = 0;
    let temporary = 0;
    for (const kind of ['random', 'saving', 'random', 'saving', 'random'] as const) {
      const before = (await latestCheckpoint(runDir))?.step ?? 0;
      const run = start(config, ...(killed > 0 ? ['--resume', 'latest'] : []));
      const saves = 1 + random(4);
      if (kind === 'saving') await killWhileSaving(run, runDir, saves);
      else {
        await run.says(new RegExp(`step ${before + saves}/${STEPS}`));
        await sleep(random(30));
        run.child.kill('SIGKILL');
      }
      expect((await run.ended).signal).toBe('SIGKILL');
      killed++;
      const names = readdirSync(join(runDir, 'checkpoints'));
      temporary += names.filter((name) => name.includes('.tmp-')).length;
      const last = await latestCheckpoint(runDir, {
        onDamaged: ({ path }) => expect.fail(`${path} has its name but is not whole`),
      });
      expect(last?.step ?? 0).toBeGreaterThanOrEqual(before);
      const seen = numbersOf(runDir);
      expect(seen).toEqual(numbersOf(join(runsDir, whole)).slice(0, seen.length));
    }
    expect(temporary).toBeGreaterThan(0);
    const said = await finish(config, '--resume', 'latest');
    expect(said).toMatch(/from step [1-9]\d* to 30/);
    expect(readdirSync(join(runDir, 'checkpoints')).filter((name) => name.includes('.tmp-'))).toEqual([]);
    await expectSame(runDir, join(runsDir, whole));
  }, 120_000);
});

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { CoupletError } from '../../src/errors.ts';
import type { TrainEvent } from '../../src/train.ts';
import { rowsOf, runsFolder, stepsSaved, type TinyConfig, tinyConfig, trainTiny } from './harness.ts';
import { asWebdataset, shapes } from './shapes.ts';

/** A resume under another name or with another duration; a run's folder that goes away. */

const folder = runsFolder();
const runsDir = join(folder, 'runs');
let base: TinyConfig;
let finished: string;

const named = (name: string, more: Partial<TinyConfig> = {}) => tinyConfig({ ...base, ...more, name });
const warnings = (events: readonly TrainEvent[]) =>
  events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));

beforeAll(async () => {
  base = {
    train: asWebdataset(join(folder, 'train'), await shapes(64)),
    duration: { steps: 8 },
    method: { name: 'clip' },
    checkpoint: { keep: 2 },
  };
  const { runDir } = await trainTiny(named('whole'), { runsDir });
  finished = join(runDir, 'checkpoints', 'step-00000008');
});

describe('under another name', () => {
  test('a finished run is there with its checkpoint, and says that nothing is left', async () => {
    const { runDir, events } = await trainTiny(named('same'), { runsDir, resume: finished });
    expect(await stepsSaved(runDir)).toEqual([8]);
    expect(warnings(events)).toEqual(['nothing is left to train at step 8: give a longer duration to go on']);
  });

  test('the first checkpoint is that of the start, so a run that is killed goes on from there', async () => {
    const stop = new AbortController();
    const onEvent = ({ type }: TrainEvent) => type === 'log' && stop.abort();
    const config = named('longer', { duration: { steps: 12 } });
    const { runDir, step } = await trainTiny(config, {
      runsDir,
      resume: finished,
      signal: stop.signal,
      onEvent,
    });
    expect(step).toBe(9);
    expect(await stepsSaved(runDir)).toEqual([8, 9]);
  });
});

describe('another duration', () => {
  test('a shorter one is refused, and changes nothing', async () => {
    const { metrics } = { metrics: join(runsDir, 'whole', 'metrics.jsonl') };
    const before = readFileSync(metrics, 'utf8');
    const resumed = trainTiny(named('whole', { duration: { steps: 6 } }), { runsDir, resume: 'latest' });
    await expect(resumed).rejects.toThrow(CoupletError);
    await expect(resumed).rejects.toThrow(
      /step-00000008 is after 8 steps, but duration ends this run after 6\. Give a longer duration/,
    );
    expect(readFileSync(metrics, 'utf8')).toBe(before);
    expect(existsSync(finished)).toBe(true);
  });

  test('a longer one tells by how much the learning rate jumps', async () => {
    const config = named('jump', { duration: { steps: 16 } });
    const { events, rows } = await trainTiny(config, { runsDir, resume: finished });
    const peak = config.optimizer!.peakLr!;
    // Half a cosine after a warm-up of 3 steps.
    const now = 0.5 * peak * (1 + Math.cos((Math.PI * (8 - 3)) / (16 - 3)));
    expect(rows.find(({ step }) => step === 9)!.lr).toBeCloseTo(now, 12);
    const jump = `the learning rate jumps from 0.00 to ${now.toPrecision(3)} at step 8`;
    expect(warnings(events)).toEqual([expect.stringContaining(jump)]);
  });

  test('without a jump there is no warning', async () => {
    const schedule = { warmup: { steps: 3 }, shape: 'constant' } as const;
    await trainTiny(named('flat', { schedule }), { runsDir });
    const more = named('flat', { schedule, duration: { steps: 10 } });
    const { events, step } = await trainTiny(more, { runsDir, resume: 'latest' });
    expect(step).toBe(10);
    expect(warnings(events)).toEqual([]);
  });
});

describe("the run's folder goes away while it trains", () => {
  const runWith = (name: string, damage: (runDir: string) => void) => {
    const onEvent = (event: TrainEvent) => {
      if (event.type === 'log' && event.row.step === 3) damage(join(runsDir, name));
    };
    return trainTiny(named(name), { runsDir, onEvent });
  };

  test.each([
    ['removed', (runDir: string) => rmSync(runDir, { recursive: true })],
    ['renamed', (runDir: string) => renameSync(runDir, `${runDir}-old`)],
  ])('%s: it ends with a sentence, and with its weights', async (name, damage) => {
    const run = runWith(name, damage);
    await expect(run).rejects.toThrow(CoupletError);
    await expect(run).rejects.toThrow(
      /was removed, renamed or unlocked while this run was at step 8\. It is saved in .*step-00000008, .* --resume .* another --name\.$/,
    );
    expect(await stepsSaved(join(runsDir, name))).toEqual([8]);
    const again = await trainTiny(named(`${name}-again`), {
      runsDir,
      resume: join(runsDir, name, 'checkpoints', 'step-00000008'),
    });
    expect(again.step).toBe(8);
  });

  test("another run's folder in its place is left alone", async () => {
    const run = runWith('taken', (runDir) => {
      renameSync(runDir, `${runDir}-old`);
      mkdirSync(runDir);
      writeFileSync(join(runDir, 'lock'), JSON.stringify({ pid: 1, host: 'elsewhere', started: '' }));
    });
    await expect(run).rejects.toThrow(/another process writes there, so it is not saved/);
    expect(await stepsSaved(join(runsDir, 'taken'))).toEqual([]);
    expect(existsSync(join(runsDir, 'taken', 'lock'))).toBe(true);
    expect(rowsOf(join(runsDir, 'taken-old')).length).toBe(8);
  });
});

import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { numbersOf, runsFolder, tinyConfig, tinyModel, trainTiny } from './harness.ts';
import { asWebdataset, shapes } from './shapes.ts';

const folder = runsFolder();
const train = asWebdataset(`${folder}/train`, await shapes(64));
const schedule = { warmup: { share: 0.2 } };

describe('a budget in forwards', () => {
  // A sample of CLIP's image tower costs three: sixteen samples a step, so 12 steps, and a part that pays for none.
  const config = (name: string) =>
    tinyConfig({
      train,
      name,
      duration: { forwards: 3 * 16 * 12 + 40 },
      schedule,
      checkpoint: { every: { share: 0.5 } },
    });

  // @proves Budget
  test('ends with the step that it pays for last, along the same schedule', async () => {
    const { step, totalSteps, finished, rows } = await trainTiny(config('whole'), { runsDir: folder });
    expect({ step, totalSteps, finished }).toEqual({ step: 12, totalSteps: 12, finished: true });
    expect(rows.at(-1)!.forwards).toBe(3 * 16 * 12);
    const rates = rows.map(({ lr }) => lr as number);
    expect(Math.max(...rates)).toBe(rates[2]); // the warm-up is a fifth of it
    expect(rates[11]).toBeLessThan(0.1 * rates[2]);
  });

  test('goes on after a stop as if there had been none', async () => {
    const stop = new AbortController();
    const onEvent = ({ type, ...event }: { type: string; row?: { step?: number } }) => {
      if (type === 'log' && event.row!.step === 7) stop.abort();
    };
    const first = await trainTiny(config('parts'), { runsDir: folder, signal: stop.signal, onEvent });
    expect(first).toMatchObject({ step: 7, finished: false });
    const last = await trainTiny(config('parts'), { runsDir: folder, resume: 'latest' });
    expect(last).toMatchObject({ step: 12, finished: true });
    expect(last.rows.at(-1)!.forwards).toBe(3 * 16 * 12);
    expect(numbersOf(last.runDir)).toEqual(numbersOf(`${folder}/whole`));
  });

  test('is refused when it is less than a step', async () => {
    const poor = { ...config('poor'), duration: { forwards: 47 } };
    await expect(trainTiny(poor, { runsDir: folder })).rejects.toThrow(
      'duration is { forwards: 47 }, less than one step, which costs 48: give more, or a smaller batch.globalBatchSize.',
    );
  });
});

describe('a budget in seconds', () => {
  const config = (name: string) => tinyConfig({ train, name, duration: { seconds: 1 }, schedule });

  test('is refused when a table of step times says that it is less than a step', async () => {
    const stepTimes = [{ tokenDropout: 0, patchSize: tinyModel.image.patchSize, seconds: 2 }];
    await expect(trainTiny({ ...config('poor'), stepTimes }, { runsDir: folder })).rejects.toThrow(
      'duration is { seconds: 1 }, less than one step, which takes 2 by stepTimes: give more.',
    );
  });

  test('ends when they are over, the learning rate with it', async () => {
    let milliseconds = 0; // a clock that a busy machine does not change
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => {
      milliseconds += 5;
      return milliseconds;
    });
    const { finished, rows } = await trainTiny(config('timed'), { runsDir: folder });
    clock.mockRestore();
    expect(finished).toBe(true);
    const logged = rows.filter((row) => 'train/loss' in row);
    expect(logged.at(-1)!.train_seconds).toBeGreaterThanOrEqual(1);
    expect(logged.at(-1)!.train_seconds).toBeLessThan(1 + 10 * (logged.at(-1)!.seconds_per_step as number));
    expect(logged.at(-1)!.lr).toBeLessThan(2e-4); // of 2e-3
  });

  test('has no steps to warm up by', async () => {
    const steps = { ...config('steps'), schedule: { warmup: { steps: 3 } } };
    await expect(trainTiny(steps, { runsDir: folder })).rejects.toThrow(
      /schedule\.warmup is a number of steps.*\{ share: 0\.05 \}/,
    );
  });
});

describe('a budget in seconds by a table', () => {
  const stages = [
    { from: 0, tokenDropout: 0.5 },
    { from: 0.5, tokenDropout: 0 },
  ];
  const stepTimes = [
    { tokenDropout: 0.5, seconds: 2 },
    { tokenDropout: 0, seconds: 5 },
  ];
  const config = (name: string) =>
    tinyConfig({ train, name, duration: { seconds: 40 }, schedule, compression: { stages }, stepTimes });

  test('takes the steps that the table pays for, whatever the clock says', async () => {
    // Ten steps at 2 seconds, four at 5.
    const { step, totalSteps, rows } = await trainTiny(config('table'), { runsDir: folder });
    expect({ step, totalSteps }).toEqual({ step: 14, totalSteps: 14 });
    expect(rows.map(({ train_seconds }) => train_seconds).slice(9, 11)).toEqual([20, 25]);
    const again = await trainTiny(config('table-again'), { runsDir: folder });
    expect(numbersOf(again.runDir)).toEqual(numbersOf(`${folder}/table`));
  });

  test('is evaluated by its share: each ten seconds, and not twice at the end', async () => {
    const evaluate = { every: { share: 0.25 }, retrieval: { data: train } };
    const { events } = await trainTiny({ ...config('evaluated'), evaluate }, { runsDir: folder });
    expect(events.flatMap((event) => (event.type === 'evaluated' ? [event.step] : []))).toEqual([
      5, 10, 12, 14,
    ]);
  });

  test('is refused when the table lacks a compression of the run', async () => {
    const lacking = { ...config('lacking'), stepTimes: stepTimes.slice(0, 1) };
    await expect(trainTiny(lacking, { runsDir: folder })).rejects.toThrow(
      /stepTimes has no row for tokenDropout 0 and patchSize \d+.*measure it too/,
    );
  });
});

test('a checkpoint from before budgets were written goes on where its step says', async () => {
  const config = (name: string) =>
    tinyConfig({ train, name, duration: { steps: 10 }, checkpoint: { every: { steps: 5 } } });
  await trainTiny(config('new'), { runsDir: folder });
  const stop = new AbortController();
  const onEvent = ({ type, ...event }: { type: string; row?: { step?: number } }) => {
    if (type === 'log' && event.row!.step === 5) stop.abort();
  };
  const { runDir } = await trainTiny(config('old'), { runsDir: folder, signal: stop.signal, onEvent });
  const path = `${runDir}/checkpoints/step-00000005/state.json`;
  const { spent, skipped, ...before } = JSON.parse(readFileSync(path, 'utf8'));
  expect([spent.steps, skipped.count]).toEqual([5, 0]);
  writeFileSync(path, JSON.stringify(before));
  const last = await trainTiny(config('old'), { runsDir: folder, resume: 'latest' });
  expect(last).toMatchObject({ step: 10, finished: true });
  expect(numbersOf(last.runDir)).toEqual(numbersOf(`${folder}/new`));
});

test('a budget of more steps than can be counted is refused at once', async () => {
  const config = tinyConfig({ train, name: 'endless', duration: { forwards: 1e300 }, schedule });
  await expect(trainTiny(config, { runsDir: folder })).rejects.toThrow(
    /duration is \{ forwards: 1e\+300 \}, more than 100000000 steps, since one costs 48: give less\./,
  );
});

import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { numbersOf, runsFolder, tinyConfig, tinyModel, trainTiny } from './harness.ts';
import { asWebdataset, shapes } from './shapes.ts';

const folder = runsFolder();
const train = asWebdataset(`${folder}/train`, await shapes(64));
const image = { ...tinyModel.image, imageSize: 24, patchSize: 4 }; // 36 patches
const model = { ...tinyModel, image };
const stages = [
  { from: 0, tokenDropout: 0.5, patchSize: 8 }, // 1 + 4 of 37 tokens
  { from: 0.5, tokenDropout: 0.5 }, // 1 + 18
  { from: 0.8, tokenDropout: 0 },
];

describe("a schedule of compression for CLIP's image tower", () => {
  const forwards = 3 * 16 * 10;
  const config = (name: string, compression: object = { stages }) =>
    tinyConfig({
      train,
      name,
      model,
      compression,
      duration: { forwards },
      schedule: { warmup: { share: 0.1 } },
    });

  // @proves compressionSchedule
  test('shortens sequences by the share of the budget, so that it pays for more steps', async () => {
    const { rows, step, finished } = await trainTiny(config('staged'), { runsDir: folder });
    expect(finished).toBe(true);
    // Half of the budget at 5/37 of a step's cost, three tenths at 19/37, the rest at a whole one: each stage ends with the step that passes its end.
    const cost = (tokens: number) => (3 * 16 * tokens) / 37;
    let [spent, steps] = [0, 0];
    for (;;) {
      const tokens = spent / forwards < 0.5 - 1e-9 ? 5 : spent / forwards < 0.8 - 1e-9 ? 19 : 37;
      if (spent + cost(tokens) > forwards * (1 + 1e-9)) break;
      spent += cost(tokens);
      steps++;
    }
    expect(step).toBe(steps);
    expect(step).toBeGreaterThan(40);
    expect(rows.at(-1)!.forwards).toBeCloseTo(spent, 6);
    expect(new Set(rows.map((row) => `${row.token_dropout} ${row.patch_size}`))).toEqual(
      new Set(['0.5 8', '0.5 4', '0 4']),
    );
  });

  test('is the same after a stop, from a file that is gone by then', async () => {
    const file = `${folder}/schedule.json`;
    writeFileSync(file, JSON.stringify({ version: 1, imageSize: 24, patchSize: 4, stages }));
    const stop = new AbortController();
    const onEvent = (event: { type: string; row?: { step?: number } }) => {
      if (event.type === 'log' && event.row!.step === 30) stop.abort();
    };
    await trainTiny(config('parts', { file }), { runsDir: folder, signal: stop.signal, onEvent });
    const last = await trainTiny(config('parts'), { runsDir: folder, resume: 'latest' });
    expect(last.finished).toBe(true);
    expect(numbersOf(last.runDir)).toEqual(numbersOf(`${folder}/staged`));
  });

  test('is refused where it does not fit', async () => {
    await expect(trainTiny(config('seven', { patchSize: 7 }), { runsDir: folder })).rejects.toThrow(
      /compression\.patchSize is 7, which does not divide images of 24 pixels: use one of 4, 6, 8, 12/,
    );
    const wrong = `${folder}/wrong.json`;
    writeFileSync(wrong, JSON.stringify({ version: 1, imageSize: 32, patchSize: 4, stages }));
    await expect(trainTiny(config('other', { file: wrong }), { runsDir: folder })).rejects.toThrow(
      /was made for images of 32 pixels and patches of 4, but the model has 24 and 4/,
    );
  });
});

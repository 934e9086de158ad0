import { describe, expect, test } from 'vitest';
import { memoryStats } from '../../src/torch/index.ts';
import { runsFolder, tinyConfig, trainTiny } from './harness.ts';
import { asWebdataset, shapes } from './shapes.ts';

const folder = runsFolder();
const train = asWebdataset(`${folder}/train`, await shapes(192));
const heldOut = asWebdataset(`${folder}/test`, await shapes(96, { seed: 1 }));

describe('a run learns', () => {
  test.each([
    ['clip', 'float32'],
    ['fastclip', 'float32'],
    ['fastclip', 'bfloat16'],
  ] as const)(
    '%s in %s: the loss falls, pictures never seen find their captions',
    async (name, precision) => {
      const before = memoryStats().liveTensors;
      const { rows, report, finished, events } = await trainTiny(
        tinyConfig({
          train,
          name: `${name}-${precision}`,
          method: { name },
          precision,
          batch: { globalBatchSize: 32 },
          duration: { steps: 100 },
          optimizer: { peakLr: 6e-3, clipGradNorm: 1 },
          schedule: { warmup: { steps: 10 } },
          evaluate: { every: { steps: 50 }, retrieval: { data: heldOut } },
          log: { every: { steps: 5 } },
        }),
        { runsDir: folder },
      );
      expect(finished).toBe(true);

      const logged = rows.filter((row) => 'train/loss' in row);
      expect(logged.map(({ step }) => step)).toEqual(Array.from({ length: 20 }, (_, i) => 5 * (i + 1)));
      const losses = logged.map((row) => row['train/loss'] as number);
      const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length;
      // Chance is log 32 = 3.47.
      expect(losses[0]).toBeGreaterThan(2.5);
      expect(mean(losses.slice(-3))).toBeLessThan(1.5);

      // Of 96 pairs chance finds 1 % at 1 and 10 % at 10.
      expect(report!.retrieval!.pairs).toBe(96);
      for (const way of ['imageToText', 'textToImage'] as const) {
        expect(report!.retrieval![way].r1).toBeGreaterThan(0.1);
        expect(report!.retrieval![way].r10).toBeGreaterThan(0.7);
      }
      const evaluated = rows.filter((row) => 'eval/mean_recall' in row);
      expect(evaluated.map(({ step }) => step)).toEqual([50, 100]);
      expect(evaluated[1]!['eval/mean_recall']).toBe(report!.retrieval!.meanRecall);

      // No step leaves a tensor behind, and no run does.
      expect(new Set(logged.map((row) => row.live_tensors)).size).toBe(1);
      expect(memoryStats().liveTensors).toBe(before);
      // Some processors are slow in bfloat16, and told so (slow-precision.test.ts).
      const slow = (event: (typeof events)[number]) =>
        event.type === 'warning' && event.message.includes('times slower in bfloat16');
      const told = events.filter((event) => event.type !== 'log' && !slow(event));
      expect(told.map(({ type }) => type)).toEqual(['start', 'evaluated', 'saved', 'evaluated']);
    },
  );
});

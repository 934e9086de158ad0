import { expect, it } from 'vitest';
import { evalLines } from './metrics.ts';

it('an evaluation is a line for each number that people compare', () => {
  const recall = { r1: 0.1, r5: 0.255, r10: 1 };
  const measured = { pictures: 100, classes: 10, top1: 0.7123, top5: 0.99 };
  expect(
    evalLines({
      zeroShot: measured,
      neighbours: { ...measured, top1: 0.5, k: 20, temperature: 0.07, reference: 5000 },
      linear: { ...measured, rate: 0.1, epochs: 90, sweep: [] },
      fineTune: { ...measured, epochs: 20 },
      retrieval: {
        pairs: 30,
        pictures: 30,
        imageToText: recall,
        textToImage: { ...recall, r1: 0.2 },
        meanRecall: 0.5,
      },
      skipped: 2,
      notes: ['held-out: the numbers are of 98 of 100 samples'],
    }),
  ).toEqual([
    'zero-shot      top-1 71.23 %  top-5 99.00 %  (100 pictures, 10 classes)',
    'k-nn           top-1 50.00 %  top-5 99.00 %  (100 pictures, 10 classes, 20 of 5000 neighbours)',
    'linear         top-1 71.23 %  top-5 99.00 %  (100 pictures, 10 classes, rate 0.1, 90 epochs)',
    'fine-tuned     top-1 71.23 %  top-5 99.00 %  (100 pictures, 10 classes, 20 epochs)',
    'image to text  R@1 10.00 %  R@5 25.50 %  R@10 100.00 %  (30 pairs)',
    'text to image  R@1 20.00 %  R@5 25.50 %  R@10 100.00 %  (30 pairs)',
    'held-out: the numbers are of 98 of 100 samples',
  ]);
  expect(evalLines({ skipped: 0, notes: [] })).toEqual([]);
});

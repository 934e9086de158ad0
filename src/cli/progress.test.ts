import { expect, it } from 'vitest';
import { Progress, skippedLines } from './progress.ts';

const facts = {
  runDir: 'runs/a',
  device: 'cpu',
  precision: 'float32',
  parameters: 1_234_567,
  samples: 640,
  skipped: { count: 0, first: [] },
};

it('tells a resumed run in plain lines, at the speed of its own steps', () => {
  const written: string[] = [];
  let seconds = 0;
  const progress = new Progress({
    stream: { write: (text: string) => written.push(text) },
    now: () => seconds,
    env: {},
  });
  progress.show({ type: 'start', step: 50, totalSteps: 100, facts });
  seconds = 5;
  progress.show({ type: 'log', row: { step: 60, 'train/loss': 4 }, totalSteps: 100, samples: 60 * 64 });
  progress.show({ type: 'saved', step: 60, path: 'runs/a/checkpoints/step-60' });
  progress.show({ type: 'warning', message: 'careful' });
  progress.show({
    type: 'evaluated',
    step: 60,
    report: { zeroShot: { pictures: 4, classes: 2, top1: 0.5, top5: 1 }, skipped: 0 },
  });
  progress.end();
  expect(written.join('').split('\n')).toEqual([
    'runs/a: 1.23 M parameters on cpu in float32, 640 samples, from step 50 to 100',
    'step 60/100  60 %  loss 4.000  128 samples/s  20 s left  5 s so far',
    'saved runs/a/checkpoints/step-60',
    'warning: careful',
    'step 60: zero-shot      top-1 50.00 %  top-5 100.00 %  (4 pictures, 2 classes)',
    '',
  ]);
});

it('names what was skipped', () => {
  expect(skippedLines({ count: 0, first: [] })).toEqual([]);
  expect(skippedLines({ count: 12, first: [{ name: 'a.jpg', reason: 'truncated' }] })).toEqual([
    'skipped 12 samples:',
    '  a.jpg: truncated',
  ]);
});

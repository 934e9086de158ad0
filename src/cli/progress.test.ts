import { expect, it } from 'vitest';
import { Progress, skippedLines, stepsInWords } from './progress.ts';

const facts = {
  runDir: 'runs/a',
  device: 'cpu',
  precision: 'float32',
  parameters: 1_234_567,
  samples: 640,
  skipped: { count: 0, first: [] },
  data: {
    samples: 640,
    examples: [{ name: 'photos/cat/1.jpg', caption: 'a photo of a cat.' }],
    classes: ['cat', 'dog'],
    leftOut: [],
    problems: { count: 0, first: [] },
    unlabelled: { count: 0, first: [] },
  },
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
  progress.show({ type: 'compression', step: 60, compression: { tokenDropout: 0.5, patchSize: 8 } });
  progress.show({
    type: 'evaluated',
    step: 60,
    report: { zeroShot: { pictures: 4, classes: 2, top1: 0.5, top5: 1 }, skipped: 0, notes: [] },
  });
  progress.end();
  expect(written.join('').split('\n')).toEqual([
    'runs/a: 1.23 M parameters on cpu in float32, 640 samples, from step 50 to 100',
    '  photos/cat/1.jpg: "a photo of a cat."',
    '  2 classes: cat, dog',
    'step 60/100  60 %  loss 4.000  128 samples/s  20 s left  5 s so far',
    'saved runs/a/checkpoints/step-60',
    'warning: careful',
    'step 60: compression moves to dropout 0.5, patch 8',
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

function held(isTTY: boolean): string {
  const written: string[] = [];
  let seconds = 0;
  const stream = { isTTY, columns: 80, write: (text: string) => written.push(text) };
  const progress = new Progress({ stream, now: () => seconds, env: { NO_COLOR: '1' } });
  for (const done of [0, 10_000, 20_000, 50_000]) {
    progress.show({ type: 'holding', done, total: 50_000 });
    seconds += done === 10_000 ? 0.01 : 0.2;
  }
  progress.show({ type: 'start', step: 0, totalSteps: 100, facts });
  progress.end();
  return written.join('');
}

it('shows on a terminal how far holding pictures is, in one line that goes when the run starts', () => {
  const erase = '\r\x1b[2K';
  const lines = ['0', '10000', '50000'].map((done) => `decoding pictures ${done}/50000${erase}`);
  expect(held(true).startsWith(`${lines.join('')}runs/a: `)).toBe(true); // 20000 came too soon after 10000
});

it('says once elsewhere that pictures are decoded', () => {
  const [first, second] = held(false).split('\n');
  expect([first, second]).toEqual(['decoding 50000 pictures', expect.stringMatching(/^runs\/a: /)]);
});

it('steps in all that are an estimate are rounded, and told as one', () => {
  expect([100, 11486.89, Number.POSITIVE_INFINITY].map(stepsInWords)).toEqual([
    '100',
    'about 11487',
    undefined,
  ]);
  const written: string[] = [];
  const progress = new Progress({ stream: { write: (text: string) => written.push(text) }, env: {} });
  progress.show({ type: 'start', step: 500, totalSteps: 11486.89, facts });
  progress.show({ type: 'start', step: 0, totalSteps: Number.POSITIVE_INFINITY, facts });
  expect(written.join('')).toMatch(
    /from step 500 to about 11487\n[\s\S]*from step 0 to the end of its budget\n/,
  );
});

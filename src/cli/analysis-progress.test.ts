import { expect, it } from 'vitest';
import { AnalysisProgress } from './analysis-progress.ts';

const candidate = { tokenDropout: 0.5, patchSize: 16, cost: 1, sequenceLength: 9 };

function shown({ isTTY }: { isTTY: boolean }) {
  const said: string[] = [];
  let now = 0;
  const progress = new AnalysisProgress({
    stream: { isTTY, columns: 60, write: (text) => said.push(text) },
    env: {},
    now: () => now++,
  });
  progress.show({ type: 'batch', share: 0.25, candidate, done: 0.42, secondsLeft: 75 });
  progress.show({ type: 'pass', share: 0.25, candidate, kind: 'candidate', left: 3, seconds: 4 });
  progress.show({ type: 'pass', share: 0.25, candidate, kind: 'control', left: 0, seconds: 4 });
  progress.show({ type: 'warning', message: 'few samples' });
  return said;
}

const lines = [
  ' 25 %  dropout 0.5, patch 16  4 s, 1 min 15 s left\n',
  ' 25 %  control, other samples  4 s\n',
  'warning: few samples\n',
];

it('has a line for each pass where there is no terminal', () => {
  expect(shown({ isTTY: false })).toEqual(lines);
});

it('draws a live line on a terminal, and takes it away before the others', () => {
  const live = ' 42 %  at  25 %: dropout 0.5, patch 16  1 min 15 s left';
  expect(shown({ isTTY: true })).toEqual([live, '\r\x1b[2K', ...lines]);
});

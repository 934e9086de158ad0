import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatStatus, Pace, StatusLine } from './status-line.ts';

describe('formatStatus', () => {
  const status = {
    step: 120,
    totalSteps: 1000,
    loss: 3.25,
    samplesPerSecond: 12_345,
    elapsedSeconds: 62,
    secondsLeft: 3720,
  };

  it('tells all', () => {
    expect(formatStatus(status)).toBe(
      'step 120/1000  12 %  loss 3.250  12.3 k samples/s  1 h 02 min left  1 min 02 s so far',
    );
  });

  it('leaves out what is not known, and what is not left', () => {
    expect(formatStatus({ step: 0, totalSteps: 10, elapsedSeconds: 0 })).toBe(
      'step 0/10   0 %  ? left  0 s so far',
    );
    expect(formatStatus({ step: 10, totalSteps: 10, elapsedSeconds: 3 })).toBe(
      'step 10/10 100 %  3 s so far',
    );
    expect(formatStatus({ step: 0, totalSteps: 0, elapsedSeconds: 0 })).toBe('step 0/0 100 %  0 s so far');
  });

  it('drops its last parts until it fits', () => {
    expect(formatStatus(status, { width: 55 })).toBe('step 120/1000  12 %  loss 3.250  12.3 k samples/s');
    fc.assert(fc.property(fc.nat(100), (width) => formatStatus(status, { width }).length <= width));
  });
});

it('the pace forgets a slow start', () => {
  const pace = new Pace({ windowSteps: 10 });
  expect(pace.rates()).toBeUndefined();
  pace.mark(0, { seconds: 0, samples: 0 });
  expect(pace.rates()).toBeUndefined();
  pace.mark(1, { seconds: 60, samples: 8 });
  expect(pace.rates()).toEqual({ secondsPerStep: 60, samplesPerSecond: 8 / 60 });
  for (let step = 2; step <= 11; step++) pace.mark(step, { seconds: 60 + 2 * (step - 1), samples: 8 * step });
  expect(pace.rates()).toEqual({ secondsPerStep: 2, samplesPerSecond: 4 });
});

describe('StatusLine', () => {
  function make(options: {
    isTTY?: boolean;
    columns?: number;
    env?: Record<string, string>;
    startStep?: number;
  }) {
    const written: string[] = [];
    const clock = { seconds: 100 };
    const { isTTY = false, columns = 80, env = {}, startStep = 0 } = options;
    const stream = { isTTY, columns, write: (text: string) => written.push(text) };
    const line = new StatusLine({ totalSteps: 100, startStep, stream, env, now: () => clock.seconds });
    return { line, clock, written };
  }

  it('prints one plain line for each log where there is no terminal', () => {
    const { line, clock, written } = make({});
    clock.seconds += 2;
    line.tick(1, { samples: 64 });
    line.log({ loss: 4 });
    line.finish();
    expect(written).toEqual(['step 1/100   1 %  loss 4.000  32 samples/s  3 min 18 s left  2 s so far\n']);
  });

  it('counts only its own steps after a resume', () => {
    const { line, clock } = make({ startStep: 50 });
    expect(line.status()).toEqual({ step: 50, totalSteps: 100, elapsedSeconds: 0 });
    clock.seconds += 1;
    line.tick(51, { samples: 64 });
    expect(line.status()).toMatchObject({ step: 51, samplesPerSecond: 64, secondsLeft: 49 });
  });

  it('redraws in place on a terminal, within its width and not too often', () => {
    const { line, clock, written } = make({ isTTY: true, columns: 30, env: { NO_COLOR: '1' } });
    for (let step = 1; step <= 10; step++) {
      clock.seconds += 0.06;
      line.tick(step, { samples: 1 });
    }
    line.print('saved');
    line.finish();
    const text = written.join('');
    expect(text.match(/step/g)?.length).toBe(7); // steps 1, 3, 5, 7, 9, after 'saved', at the end
    for (const drawn of text.replaceAll('\r\x1b[2K', '\n').split('\n')) expect(drawn.length).toBeLessThan(30);
    expect(text).toContain('\r\x1b[2Ksaved\n');
    expect(text.endsWith('\n')).toBe(true);
    expect(text).not.toContain('\x1b[1m');
  });

  it('is bold on a terminal, and plain on a dumb one or in CI', () => {
    const bold = make({ isTTY: true });
    bold.line.log({ loss: 1 });
    expect(bold.written.join('')).toContain('\x1b[1mstep 0/100\x1b[22m');
    for (const env of [{ TERM: 'dumb' }, { CI: 'true' }] as Record<string, string>[]) {
      const plain = make({ isTTY: true, env });
      plain.line.log({ loss: 1 });
      expect(plain.written).toEqual(['step 0/100   0 %  loss 1.000  ? left  0 s so far\n']);
    }
  });
});

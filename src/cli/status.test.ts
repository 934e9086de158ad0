import { describe, expect, it } from 'vitest';
import { formatRate, formatSeconds, type RunEvent, Status, statusLine } from './status.ts';

const event: RunEvent & { type: 'step' } = {
  type: 'step',
  step: 20,
  totalSteps: 1200,
  loss: 3.21406,
  samplesPerSecond: 812.4,
  secondsLeft: 250,
};

function screen(isTTY: boolean, columns = 100) {
  const written: string[] = [];
  return { written, isTTY, columns, write: (text: string) => written.push(text) };
}

describe('the status of a run', () => {
  it('is one line', () => {
    expect(statusLine(event)).toBe('step   20/1200  loss 3.2141  812 samples/s  4m 10s left');
    expect(statusLine({ ...event, badSamples: 3 })).toMatch(/3 bad samples$/);
  });

  it.each([
    [0, '0s'],
    [59.6, '1m 00s'],
    [3599, '59m 59s'],
    [7620, '2h 07m'],
    [273600, '3d 04h'],
  ])('%d seconds are %s', (seconds, text) => expect(formatSeconds(seconds)).toBe(text));

  it('has rates of three digits', () => {
    expect([0.1234, 8.123, 81.23, 812.3, 8123].map(formatRate)).toEqual([
      '0.123',
      '8.12',
      '81.2',
      '812',
      '8123',
    ]);
  });

  it('is plain lines where there is no terminal', () => {
    const out = screen(false);
    const status = new Status(out);
    status.show(event);
    status.show({ type: 'message', text: 'saved' });
    status.end();
    expect(out.written.join('')).toBe(`${statusLine(event)}\nsaved\n`);
  });

  it('renews one line on a terminal, under the messages, and never fills it', () => {
    const out = screen(true, 20);
    const status = new Status(out);
    status.show(event);
    status.show({ type: 'message', text: 'saved' });
    status.end();
    const live = `\r\x1b[K${statusLine(event).slice(0, 19)}`;
    expect(out.written.join('')).toBe(`${live}\r\x1b[Ksaved\n${live}\n`);
  });
});

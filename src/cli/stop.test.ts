import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { STOP_SIGNALS, stopOnSignals } from './stop.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function stopping() {
  const exit = vi.spyOn(process, 'exit').mockImplementation((() => undefined) as never);
  const said: string[] = [];
  return { exit, said, stop: stopOnSignals((text) => said.push(text)) };
}

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s: the first stops, the second quits', (name, code) => {
  const { exit, said, stop } = stopping();
  expect(stop.signal.aborted).toBe(false);
  expect(stop.code()).toBeUndefined();

  process.emit(name, name);
  expect(stop.signal.aborted).toBe(true);
  expect(stop.code()).toBe(code);
  expect(said).toEqual(['finishing this step, saving, then stopping (again to quit at once)']);
  expect(exit).not.toHaveBeenCalled();

  vi.advanceTimersByTime(600);
  process.emit(name, name);
  expect(exit).toHaveBeenCalledWith(130);
  stop.dispose();
  for (const signal of STOP_SIGNALS) expect(process.listeners(signal)).toHaveLength(0);
});

it('a signal that comes twice at once, from Slurm and from the launcher, is one', () => {
  const { exit, said, stop } = stopping();
  process.emit('SIGTERM', 'SIGTERM');
  vi.advanceTimersByTime(20);
  process.emit('SIGTERM', 'SIGTERM');
  expect(exit).not.toHaveBeenCalled();
  expect(said).toHaveLength(1);
  stop.dispose();
});

it('SIGUSR1 stops, never quits, and the time limit that it announces does not either', () => {
  const { exit, stop } = stopping();
  for (const name of ['SIGUSR1', 'SIGUSR1', 'SIGTERM'] as const) {
    process.emit(name, name);
    vi.advanceTimersByTime(600);
  }
  expect(stop.code()).toBe(138);
  expect(exit).not.toHaveBeenCalled();
  process.emit('SIGTERM', 'SIGTERM');
  expect(exit).toHaveBeenCalledWith(130);
  stop.dispose();
});

import { afterEach, expect, it, vi } from 'vitest';
import { stopOnSignals } from './stop.ts';

afterEach(() => vi.restoreAllMocks());

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s: the first stops, the second quits', (name, code) => {
  const exit = vi.spyOn(process, 'exit').mockImplementation((() => undefined) as never);
  const said: string[] = [];
  const stop = stopOnSignals((text) => said.push(text));
  expect(stop.signal.aborted).toBe(false);
  expect(stop.code()).toBeUndefined();

  process.emit(name, name);
  expect(stop.signal.aborted).toBe(true);
  expect(stop.code()).toBe(code);
  expect(said).toEqual(['finishing this step, saving, then stopping (again to quit at once)']);
  expect(exit).not.toHaveBeenCalled();

  process.emit(name, name);
  expect(exit).toHaveBeenCalledWith(130);
  stop.dispose();
  expect(process.listeners(name)).toHaveLength(0);
});

import { expect, it } from 'vitest';
import { type SweepResult, type SweepRun, sweep } from '../../scripts/sweep.ts';

/** Takes runs on an imagined GPU of four units of memory; a run's name ends with what it needs. */
function machine() {
  let used = 0;
  let most = 0;
  const begun: string[] = [];
  const take = async ({ name }: SweepRun): Promise<SweepResult> => {
    const needs = Number(name.at(-1));
    begun.push(name);
    used += needs;
    const outOfMemory = used > 4;
    if (!outOfMemory) most = Math.max(most, used);
    await new Promise((done) => setTimeout(done, outOfMemory ? 1 : 10));
    used -= needs;
    return {
      name,
      finished: !outOfMemory,
      seconds: 1,
      set: {},
      curve: [],
      ...(outOfMemory && { outOfMemory }),
    };
  };
  return { take, begun, most: () => most };
}

async function outcomes(names: string[], parallel: number) {
  const gpu = machine();
  const told: [string, boolean][] = [];
  await sweep(
    names.map((name) => ({ name, config: '' })),
    {
      out: '',
      parallel,
      gpus: [],
      keep: false,
      linear: false,
      signal: new AbortController().signal,
      tell: ({ name, finished }) => told.push([name, finished]),
    },
    gpu.take,
  );
  return { told: Object.fromEntries(told), count: told.length, ...gpu };
}

it('tries runs again with fewer at a time when they found no memory', async () => {
  const { told, count, begun, most } = await outcomes(['a-2', 'b-1', 'c-3', 'd-1', 'e-4'], 3);
  expect(told).toEqual({ 'a-2': true, 'b-1': true, 'c-3': true, 'd-1': true, 'e-4': true });
  expect(count).toBe(5); // each is told once
  expect(begun.length).toBeGreaterThan(5);
  expect(most()).toBe(4);
});

it('tells a run that finds no memory alone', async () => {
  expect((await outcomes(['a-2', 'b-9', 'c-1'], 2)).told).toEqual({ 'a-2': true, 'b-9': false, 'c-1': true });
  expect((await outcomes(['b-9'], 1)).begun).toEqual(['b-9']);
});

import { expect, it } from 'vitest';
import { type SweepResult, type SweepRun, sweep } from '../../scripts/sweep.ts';

/** Takes runs on imagined GPUs of four units of memory each; a run's name ends with what it needs. */
function machine() {
  const used = new Map<string, number>();
  const begun: string[] = [];
  const take = async ({ name }: SweepRun, { gpu = '' }: { gpu?: string }): Promise<SweepResult> => {
    const needs = Number(name.at(-1));
    begun.push(gpu === '' ? name : `${name} on ${gpu}`);
    const now = (used.get(gpu) ?? 0) + needs;
    used.set(gpu, now);
    const outOfMemory = now > 4;
    await new Promise((done) => setTimeout(done, outOfMemory ? 1 : 10 * needs));
    used.set(gpu, used.get(gpu)! - needs);
    const result = { name, finished: !outOfMemory, seconds: 1, set: {}, curve: [] };
    return { ...result, ...(outOfMemory && { outOfMemory }) };
  };
  return { take, begun };
}

interface Asked {
  parallel?: number;
  gpus?: string[];
  stopAfter?: number;
}

async function outcomes(
  runs: Omit<SweepRun, 'config'>[],
  { parallel = 1, gpus = [], stopAfter }: Asked = {},
) {
  const { take, begun } = machine();
  const told: [string, boolean][] = [];
  const controller = new AbortController();
  await sweep(
    runs.map((run) => ({ ...run, config: '' })),
    {
      ...{ out: '', parallel, gpus, keep: false, linear: false, signal: controller.signal },
      onResult: ({ name, finished }) => {
        told.push([name, finished]);
        if (told.length === stopAfter) controller.abort();
      },
    },
    take,
  );
  return { told: Object.fromEntries(told), count: told.length, begun };
}

const named = (...names: string[]) => names.map((name) => ({ name }));

it('tries a run that found no memory again, alone', async () => {
  const { told, count, begun } = await outcomes(named('a-2', 'b-1', 'c-3', 'd-1', 'e-4'), { parallel: 3 });
  expect(told).toEqual({ 'a-2': true, 'b-1': true, 'c-3': true, 'd-1': true, 'e-4': true });
  expect(count).toBe(5); // each is told once
  expect(begun.slice(0, 5)).toEqual(['a-2', 'b-1', 'c-3', 'c-3', 'd-1']); // c-3 before d-1, once it has the GPU for itself
});

it('tells a run that finds no memory alone', async () => {
  const { told, begun } = await outcomes(named('a-2', 'b-9', 'c-1'), { parallel: 2 });
  expect(told).toEqual({ 'a-2': true, 'b-9': false, 'c-1': true });
  expect(begun.filter((name) => name === 'b-9')).toHaveLength(2);
  expect((await outcomes(named('b-9'))).begun).toEqual(['b-9']);
});

it('shares GPUs out, and lets no run overtake one that waits for room', async () => {
  const third = 1 / 3;
  const { begun } = await outcomes(
    [
      { name: 'a-1', share: third },
      { name: 'b-2', share: 0.5 },
      { name: 'c-1', share: third },
      { name: 'd-1', share: third },
      { name: 'e-1', share: 1 },
      { name: 'f-1', share: 0.2 },
    ],
    { gpus: ['0', '3'] },
  );
  // e-1 takes the GPU whose thirds end first; f-1 would have fitted beside b-2 before.
  expect(begun).toEqual(['a-1 on 0', 'b-2 on 3', 'c-1 on 0', 'd-1 on 3', 'e-1 on 0', 'f-1 on 3']);
});

it('begins nothing more once it is stopped, and tells of what ran', async () => {
  const { told, begun } = await outcomes(named('a-1', 'b-1', 'c-1', 'd-1'), { parallel: 2, stopAfter: 1 });
  expect(begun).toEqual(['a-1', 'b-1']);
  expect(Object.keys(told)).toEqual(['a-1', 'b-1']);
});

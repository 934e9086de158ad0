import { expect, test, vi } from 'vitest';
import * as speed from '../../src/torch/speed.ts';
import { runsFolder, tinyConfig, trainTiny } from './harness.ts';
import { asWebdataset, shapes } from './shapes.ts';

const folder = runsFolder();
const train = asWebdataset(`${folder}/train`, await shapes(32));

/** What a run of one step warns of, when bfloat16 is `gain` times as fast as float32. */
async function warnings(precision: 'bfloat16' | 'float32', gain: number): Promise<string[]> {
  vi.spyOn(speed, 'bfloat16Gain').mockReturnValue(gain);
  const name = `${precision}-${gain}`;
  const { events } = await trainTiny(tinyConfig({ train, name, precision, duration: { steps: 1 } }), {
    runsDir: folder,
  });
  return events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
}

vi.mock('../../src/torch/speed.ts', { spy: true });

test('a precision that the processor has no arithmetic for is told, with what to do', async () => {
  expect(await warnings('bfloat16', 0.04)).toEqual([
    "this processor is 25 times slower in bfloat16 than in float32: stop, and set precision to 'float32'",
  ]);
  expect(await warnings('bfloat16', 2)).toEqual([]);
  expect(await warnings('float32', 0.04)).toEqual([]);
});

test('the gain is how many times as fast bfloat16 is as float32', () => {
  vi.mocked(speed.bfloat16Gain).mockRestore();
  const time: number[] = [];
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => time.push(0) * milliseconds);
  let milliseconds = 1;
  const bfloat16 = speed.gflops('bfloat16', 'cpu', 256);
  milliseconds = 3;
  expect(bfloat16 / speed.gflops('float32', 'cpu', 256)).toBeCloseTo(3);
  // Both take the same time by this clock.
  expect(speed.bfloat16Gain()).toBeCloseTo(1);
  clock.mockRestore();
});

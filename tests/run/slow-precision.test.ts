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

test('the gain is a ratio of two measurements of this processor', () => {
  vi.mocked(speed.bfloat16Gain).mockRestore();
  const [float32, bfloat16] = (['float32', 'bfloat16'] as const).map((dtype) =>
    speed.gflops(dtype, 'cpu', 256),
  );
  const gain = speed.bfloat16Gain();
  // Noisy, but a processor has such arithmetic or has it not.
  expect(gain / (bfloat16 / float32)).toBeGreaterThan(0.1);
  expect(gain / (bfloat16 / float32)).toBeLessThan(10);
});

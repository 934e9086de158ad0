/**
 * What do the photometric steps of one view cost?
 *   node --import jiti/register bench/augmentation.ts [DEVICE] [SIDE BATCH]...
 * Prints a line of JSON for each view: milliseconds of the device (median of runs, the queue kept full), milliseconds that the host
 * takes to hand the work over, to draw, and the greatest memory above the pictures.
 */
import {
  memoryStats,
  resolveDevice,
  scope,
  setMatmulPrecision,
  synchronize,
  tensor,
} from '../src/torch/index.ts';
import {
  applyPhotometric,
  drawPhotometric,
  mocoV3Recipes,
  simclrRecipes,
  type ViewRecipe,
} from '../src/views/index.ts';

const [wanted = 'auto', ...sizes] = process.argv.slice(2);
const device = resolveDevice(wanted);
setMatmulPrecision('exact');
const shapes = sizes.length ? sizes.map(Number) : device === 'cpu' ? [64, 64] : [32, 512, 64, 512, 224, 256];
const [RUNS, CALLS] = device === 'cpu' ? [3, 2] : [9, 10];

const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const rounded = (value: number) => Number(value.toFixed(3));

function measure(name: string, recipe: ViewRecipe, batch: number) {
  const side = recipe.size;
  const bytes = new Uint8Array(batch * side * side * 3).map((_, i) => (i * i * 31 + i * 57) >> 3);
  const images = tensor(bytes, [batch, side, side, 3], { device });
  const times: Record<'device' | 'host' | 'draw', number[]> = { device: [], host: [], draw: [] };
  const before = memoryStats().cuda?.allocated ?? 0;
  for (let run = -2; run < RUNS; run++) {
    const start = performance.now();
    const draws = Array.from({ length: CALLS }, (_, call) =>
      drawPhotometric(recipe, {
        seed: 1,
        positions: Array.from({ length: batch }, (_, i) => (run * CALLS + call + 100) * batch + i),
        view: 0,
      }),
    );
    const drawn = performance.now();
    for (const draw of draws) scope(() => void applyPhotometric(images, recipe, draw));
    const handed = performance.now();
    synchronize(device);
    if (run < 0) continue;
    times.draw.push((drawn - start) / CALLS);
    times.host.push((handed - drawn) / CALLS);
    times.device.push((performance.now() - drawn) / CALLS);
  }
  const peak = memoryStats().cuda?.peak;
  images.dispose();
  const { device: total, host, draw } = times;
  console.log(
    JSON.stringify({
      device,
      view: name,
      side,
      batch,
      ms: rounded(median(total)),
      hostMs: rounded(median(host)),
      drawMs: rounded(median(draw)),
      ...(peak !== undefined && { peakMiB: Math.round((peak - before) / 2 ** 20) }),
    }),
  );
}

for (let at = 0; at < shapes.length; at += 2) {
  const [side, batch] = [shapes[at]!, shapes[at + 1]!];
  const [first, second] = mocoV3Recipes(side);
  measure('moco-v3 1', first, batch);
  measure('moco-v3 2', second, batch);
  measure('simclr', simclrRecipes(side)[0], batch);
  measure('jitter alone', { ...first, blur: undefined, grayscale: 0 }, batch);
}

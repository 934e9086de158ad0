import { describe, expect, it } from 'vitest';
import { scope, type Tensor, tensor } from '../../src/torch/index.ts';
import { blur } from '../../src/views/blur.ts';
import { grayscale, solarize } from '../../src/views/color-steps.ts';
import { COLUMNS, column, writeJitter } from '../../src/views/draws.ts';
import { applyPhotometric } from '../../src/views/photometric.ts';
import type { ViewRecipe } from '../../src/views/recipe.ts';
import { readJson } from './golden.ts';

interface Jittered {
  /** Of brightness 0, contrast 1, saturation 2 and hue 3. */
  order: number[];
  factors: [brightness: number, contrast: number, saturation: number, hue: number];
  pixels: string;
  expected: number[];
}
interface Golden {
  jitter: Jittered[];
  steps: { pixels: string; grayscale: number[]; solarize: number[]; solarizePillow: number[] }[];
  blur: { side: number; radius: number; sigma: number; pixels: string; expected: number[] }[];
  pillowBlur: { sigma: number; pixels: string; expected: number[] }[];
  whole: (Jittered & { sigma: number })[];
}
const golden = readJson<Golden>('augmentation.golden.json');

/** On the scale of bytes: the goldens have four decimals, and float32 about seven digits. */
const TOLERANCE = 1e-3;

const bytesOf = (pixels: string) => new Uint8Array(Buffer.from(pixels, 'base64'));
const sideOf = (pixels: string) => Math.sqrt(bytesOf(pixels).length / 3);

/** [n, S, S, 3] of pictures of one size. */
const batchOf = (pictures: readonly string[]) => {
  const side = sideOf(pictures[0]!);
  const bytes = Buffer.concat(pictures.map(bytesOf));
  return tensor(new Uint8Array(bytes), [pictures.length, side, side, 3]);
};

function expectClose(actual: readonly number[], expected: readonly number[], tolerance = TOLERANCE): void {
  expect(actual.length).toBe(expected.length);
  const worst = Math.max(...actual.map((value, i) => Math.abs(value - expected[i]!)));
  expect(worst).toBeLessThan(tolerance);
}

const recipe = (size: number): ViewRecipe => ({
  size,
  crop: { scale: [1, 1], ratio: [1, 1], interpolation: 'bilinear' },
  flip: 0,
  colorJitter: { probability: 1, brightness: 0.8, contrast: 0.8, saturation: 0.8, hue: 0.5 },
  blur: { probability: 1, sigma: [0.1, 2] },
  grayscale: 1,
  solarize: 1,
});

/** The number of an order in draws.ts, found from the order itself. */
function orderNumber(order: readonly number[]): number {
  const others = order.filter((step) => step !== 3);
  const orders = [0, 1, 2].flatMap((a) => [0, 1, 2].filter((b) => b !== a).map((b) => [a, b, 3 - a - b]));
  return 4 * orders.findIndex((known) => String(known) === String(others)) + order.indexOf(3);
}

/** Rows of draws that do to each picture what the golden did. */
function jitterRows(cases: readonly Jittered[]): Float32Array {
  const rows = new Float32Array(cases.length * COLUMNS);
  cases.forEach(({ order, factors }, i) => {
    const amounts = factors.slice(0, 3).map((factor) => 1 - factor);
    writeJitter({ rows, start: i * COLUMNS }, { order: orderNumber(order), amounts, shift: 6 * factors[3] });
  });
  return rows;
}

/** A step on planes, called with one picture [S, S, 3]. */
function onPlanes(pixels: string, step: (planes: Tensor) => Tensor): number[] {
  const planes = batchOf([pixels]).permute(0, 3, 1, 2).to('float32');
  return step(planes).permute(0, 2, 3, 1).toNumbers();
}

describe('torchvision', () => {
  // @proves blend, shiftHue
  it('colour jitter: all 24 orders in one batch, each sample its own, and each step alone', () => {
    scope(() => {
      const images = batchOf(golden.jitter.map(({ pixels }) => pixels));
      const result = applyPhotometric(images, recipe(8), jitterRows(golden.jitter));
      golden.jitter.forEach(({ expected }, i) => {
        expectClose(result.select(0, i).toNumbers(), expected);
      });
    });
  });

  // @proves grayscale
  it('grayscale and solarize; solarize also as Pillow has it', () => {
    scope(() => {
      for (const { pixels, ...expected } of golden.steps) {
        expectClose(onPlanes(pixels, grayscale), expected.grayscale);
        expectClose(onPlanes(pixels, solarize), expected.solarize);
        expectClose(onPlanes(pixels, solarize), expected.solarizePillow, 1e-9);
      }
    });
  });

  // @proves blur
  it.each(golden.blur)(
    'blur: side $side, radius $radius, sigma $sigma',
    ({ radius, sigma, pixels, expected }) => {
      scope(() => {
        const result = onPlanes(pixels, (planes) =>
          blur(planes, { sigma: tensor([sigma], [1, 1, 1, 1]), radius }),
        );
        expectClose(result, expected);
      });
    },
  );

  it('all steps one after the other', () => {
    scope(() => {
      const rows = jitterRows(golden.whole);
      golden.whole.forEach(({ sigma }, i) => {
        const row = rows.subarray(i * COLUMNS, (i + 1) * COLUMNS);
        row[column.grayscale] = 1;
        row[column.sigma] = sigma;
        row[column.solarize] = 1;
      });
      const images = batchOf(golden.whole.map(({ pixels }) => pixels));
      const result = applyPhotometric(images, recipe(12), rows);
      golden.whole.forEach(({ expected }, i) => {
        expectClose(result.select(0, i).toNumbers(), expected);
      });
    });
  });
});

describe('Pillow', () => {
  // Its blur is three box blurs of that variance, rounded to bytes: on noise, the worst picture for it, a few units away.
  // @proves blur
  it.each(golden.pillowBlur)(
    'blur, sigma $sigma: close, away from the border',
    ({ sigma, pixels, expected }) => {
      scope(() => {
        const side = sideOf(pixels);
        const radius = Math.ceil(4 * sigma);
        const ours = onPlanes(pixels, (planes) =>
          blur(planes, { sigma: tensor([sigma], [1, 1, 1, 1]), radius }),
        );
        const inner = (_: number, i: number) => {
          const [x, y] = [Math.floor(i / 3) % side, Math.floor(i / 3 / side)];
          return Math.min(x, y) >= radius && Math.max(x, y) < side - radius;
        };
        expectClose(ours.filter(inner), expected.filter(inner), 4);
      });
    },
  );
});

import { describe, expect, test } from 'vitest';
import { patchEmbed } from '../../tests/contract/patch-embed.ts';
import {
  backward,
  full,
  Generator,
  gradsOf,
  memoryStats,
  randn,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { Init } from './init.ts';
import { Module } from './module.ts';
import { patchify, patchifyKept } from './patch-embed.ts';
import { PixelNormalizer } from './pixels.ts';
import { bicubicGridMatrix, resizePositions, sinCosPositions } from './position.ts';

describe('patches', () => {
  test('row by row, each flattened channel, row, column', () => {
    scope(() => {
      // A pixel is 100 channel + 10 row + column.
      const picture = Float32Array.from({ length: 3 * 4 * 6 }, (_, i) => {
        const [channel, row, column] = [Math.floor(i / 24), Math.floor((i % 24) / 6), i % 6];
        return 100 * channel + 10 * row + column;
      });
      const patches = patchify(tensor(picture, [1, 3, 4, 6]), 2);
      expect(patches.shape).toEqual([1, 6, 12]);
      expect(patches.select(1, 1).toNumbers()).toEqual([
        2, 3, 12, 13, 102, 103, 112, 113, 202, 203, 212, 213,
      ]);
      expect(patches.select(1, 5).toNumbers().slice(0, 4)).toEqual([24, 25, 34, 35]);
    });
  });

  test('the patches that stay are those of the whole picture, sample by sample', () => {
    scope(() => {
      const images = randn([2, 3, 4, 6], new Generator('cpu', 1));
      const whole = patchify(images, 2);
      const rows = [
        [5, 0, 3],
        [1, 1, 4],
      ];
      const kept = patchifyKept(images, 2, tensor(BigInt64Array.from(rows.flat(), BigInt), [2, 3]));
      const expected = rows.flatMap((row, i) =>
        row.flatMap((k) => whole.select(0, i).select(0, k).toNumbers()),
      );
      expect(kept.shape).toEqual([2, 3, 12]);
      expect(kept.toNumbers()).toEqual(expected);
    });
  });

  test('patchEmbed is the convolution, gradients too', () => {
    scope(() => {
      const random = new Generator('cpu', 1);
      const images = randn([2, 3, 8, 12], random, 'float64');
      const run = (embed: (kernel: Tensor, bias: Tensor) => Tensor) => {
        const seeded = new Generator('cpu', 2);
        const kernel = randn([5, 3, 4, 4], seeded, 'float64').requireGrad();
        const bias = randn([5], seeded, 'float64').requireGrad();
        const out = embed(kernel, bias);
        backward(out.mul(out).sum());
        return [out, ...gradsOf([kernel, bias])].flatMap((t) => t!.toNumbers());
      };
      const ours = run((kernel, bias) => patchEmbed(images, kernel, bias));
      const theirs = run((kernel, bias) =>
        ops.flatten_using_ints(ops.conv2d(images, kernel, bias, [4, 4]), 2).transpose(1, 2),
      );
      ours.forEach((value, i) => {
        expect(value).toBeCloseTo(theirs[i], 8);
      });
      const kernel = randn([5, 3, 4, 4], random, 'float64');
      expect(patchEmbed(images, kernel, null).shape).toEqual([2, 6, 5]);
    });
  });
});

test('PixelNormalizer: bytes, channels last, to (x / 255 - mean) / std, channels first', () => {
  scope(() => {
    const mean = [0.5, 0.25, 0];
    const std = [0.5, 0.2, 1];
    const normalizer = new PixelNormalizer({ mean, std }, 'cpu');
    const bytes = Uint8Array.of(0, 51, 255, 255, 102, 0); // two pixels side by side
    const out = normalizer.forward(tensor(bytes, [1, 1, 2, 3]));
    expect(out.shape).toEqual([1, 3, 1, 2]);
    expect(out.dtype).toBe('float32');
    const expected = [0, 1, 2].flatMap((c) => [0, 1].map((x) => (bytes[3 * x + c] / 255 - mean[c]) / std[c]));
    out.toNumbers().forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i], 5);
    });
    normalizer.dispose();
  });
});

describe('sinCosPositions', () => {
  // @proves sinCosPositions
  test('nothing for the class token; cell (0, 0) is sin 0 and cos 0; rows and columns in their halves', () => {
    const width = 8;
    const table = sinCosPositions({ grid: 3, width, prefixTokens: 1 });
    const token = (i: number) => [...table.subarray(i * width, (i + 1) * width)];
    expect(table).toHaveLength(10 * width);
    expect(token(0)).toEqual(Array(width).fill(0));
    expect(token(1)).toEqual([0, 0, 1, 1, 0, 0, 1, 1]);
    const [s, c] = [Math.sin, Math.cos];
    expect(token(1 + 3 + 2)).toEqual([s(2), s(0.02), c(2), c(0.02), s(1), s(0.01), c(1), c(0.01)]); // row 1, column 2
    expect(() => sinCosPositions({ grid: 2, width: 6, prefixTokens: 0 })).toThrow(/divisible by 4/);
  });

  // @proves sinCosPositions
  test('on another grid, between the places of the base one; on the same grid, the same', () => {
    const width = 8;
    const base = sinCosPositions({ grid: 4, width, prefixTokens: 1 });
    expect(sinCosPositions({ grid: 4, baseGrid: 4, width, prefixTokens: 1 })).toEqual(base);
    const wide = { rows: 2, columns: 8 };
    const table = sinCosPositions({ grid: wide, baseGrid: 4, width, prefixTokens: 0 });
    const token = (i: number) => [...table.subarray(i * width, (i + 1) * width)];
    const [s, c] = [Math.sin, Math.cos];
    // Row 1 of 2 lies at 2.5 of 4; column 3 of 8 at 1.25 of 4.
    const [x, y] = [1.25, 2.5];
    expect(token(8 + 3)).toEqual(
      [x, x / 100].map(s).concat([x, x / 100].map(c), [y, y / 100].map(s), [y, y / 100].map(c)),
    );
  });

  test('rows first, as MoCo v3 has it: the same table for the picture on its side', () => {
    const [width, grid] = [8, 3];
    const columns = sinCosPositions({ grid, width, prefixTokens: 0 });
    const rows = sinCosPositions({ grid, width, prefixTokens: 0, first: 'row' });
    for (const [row, column] of [
      [0, 2],
      [2, 1],
      [1, 1],
    ])
      expect([...rows.subarray((row * grid + column) * width).subarray(0, width)]).toEqual([
        ...columns.subarray((column * grid + row) * width).subarray(0, width),
      ]);
    expect(rows).not.toEqual(columns);
  });

  // @proves sinCosPositions
  test('the product of two positions depends on their distance alone', () => {
    const width = 16;
    const table = sinCosPositions({ grid: 5, width, prefixTokens: 0 });
    const product = (a: number, b: number) =>
      table.subarray(a * width, (a + 1) * width).reduce((sum, v, k) => sum + v * table[b * width + k], 0);
    expect(product(0, 6)).toBeCloseTo(product(12, 18), 12); // one right, one down
    expect(product(0, 6)).not.toBeCloseTo(product(0, 7), 3);
  });
});

describe('learned positions', () => {
  // @proves sinCosPositions
  test.each(['antialiased', 'dino'] as const)(
    '%s: each channel by itself; the class token stays',
    (resize) => {
      scope(() => {
        const positions = randn([1 + 16, 5], new Generator('cpu', 3), 'float64');
        const matrix = bicubicGridMatrix(4, { rows: 2, columns: 3 }, { resize, device: 'cpu' });
        const [resized, picture] = [
          resizePositions(positions, { matrix, prefixTokens: 1 }),
          positions.narrow(0, 1, 16),
        ];
        const one = matrix.matmul(picture.narrow(1, 2, 1));
        const channel = resized.narrow(0, 1, 6).narrow(1, 2, 1);
        for (const off of channel.sub(one).toNumbers()) expect(Math.abs(off)).toBeLessThan(1e-14);
        expect(resized.select(0, 0).toNumbers()).toEqual(positions.select(0, 0).toNumbers());
      });
    },
  );

  // @proves bicubicGridMatrix
  test.each([
    ['larger', 4, 6],
    ['the same', 5, 5],
    ['smaller: the cubic is stretched', 14, 6],
    ['smaller: the cubic is stretched', 14, 3],
  ])('the cubic kernel of a = -1/2, by hand: %s, %i cells to %i', (_, from, to) => {
    scope(() => {
      const matrix = bicubicGridMatrix(
        from,
        { rows: from, columns: to },
        { resize: 'antialiased', device: 'cpu' },
      );
      const rows = Array.from({ length: to }, (_, k) => matrix.select(0, k).toNumbers().slice(0, from));
      const [scale, stretch] = [from / to, Math.max(1, from / to)];
      for (const [k, row] of rows.entries()) {
        const weights = row.map((_, i) => keys((i + 0.5 - (k + 0.5) * scale) / stretch));
        const total = weights.reduce((a, b) => a + b);
        for (const [i, weight] of weights.entries()) expect(row[i]).toBeCloseTo(weight / total, 13);
      }
    });
  });
});

/** Keys' cubic. */
function keys(distance: number, a = -1 / 2): number {
  const x = Math.abs(distance);
  if (x < 1) return (a + 2) * x ** 3 - (a + 3) * x ** 2 + 1;
  return x < 2 ? a * (x ** 3 - 5 * x ** 2 + 8 * x - 4) : 0;
}

describe('Module', () => {
  class Leaf extends Module {
    readonly weight = this.parameter('weight', zeros([2]));
  }
  class Tree extends Module {
    readonly own = this.parameter('own', zeros([1]));
    readonly children = [0, 1].map((i) => this.child(`blocks.${i}.`, new Leaf()));
    readonly flat = this.child('in_proj_', new Leaf());
  }

  test('names are prefix and name as they are; parameters outlive scopes and want gradients', () => {
    const before = memoryStats().liveTensors;
    const tree = scope(() => new Tree());
    const names = tree.namedParameters();
    expect([...names.keys()]).toEqual(['own', 'blocks.0.weight', 'blocks.1.weight', 'in_proj_weight']);
    expect(names.get('blocks.1.weight')).toBe(tree.children[1].weight);
    expect([...names.values()].every((p) => p.alive && p.requiresGrad)).toBe(true);
    tree.dispose();
    expect(memoryStats().liveTensors).toBe(before);
  });
});

describe('constants of a Module', () => {
  class Table extends Module {
    made = 0;
    get(key: string): number[] {
      return this.constant(key, () => full([2], ++this.made)).toNumbers();
    }
  }
  class Owner extends Module {
    readonly table = this.child('table.', new Table());
  }

  test('are made once a key, in no checkpoint, and freed with what owns the part', () => {
    const before = memoryStats().liveTensors;
    const owner = new Owner();
    expect(scope(() => [owner.table.get('a'), owner.table.get('b'), owner.table.get('a')])).toEqual([
      [1, 1],
      [2, 2],
      [1, 1],
    ]);
    expect(owner.namedTensors().size).toBe(0);
    expect(memoryStats().liveTensors).toBe(before + 2);
    owner.dispose();
    expect(memoryStats().liveTensors).toBe(before);
  });
});

describe('Init', () => {
  test('draws within its bounds, in the order of the seed, in its dtype, and leaves nothing else alive', () => {
    const before = memoryStats().liveTensors;
    const draw = (seed: number) => {
      const init = new Init({ seed, dtype: 'float64' });
      const made = [
        init.uniform([1000], 0.3),
        init.fanIn([10, 100], 25),
        init.xavier([30, 24]),
        init.normal([500], 2),
      ];
      expect(made.every((t) => t.dtype === 'float64' && !t.requiresGrad)).toBe(true);
      const values = made.map((t) => t.toNumbers());
      for (const t of made) t.dispose();
      return values;
    };
    const [uniform, fanIn, xavier] = draw(1);
    const range = (values: number[]) => [Math.min(...values), Math.max(...values)];
    for (const [values, bound] of [
      [uniform, 0.3],
      [fanIn, 0.2],
      [xavier, Math.sqrt(6 / 54)],
    ] as const) {
      const [low, high] = range(values);
      expect(low).toBeGreaterThanOrEqual(-bound);
      expect(high).toBeLessThan(bound);
      expect(high - low).toBeGreaterThan(1.9 * bound);
    }
    expect(draw(1)).toEqual(draw(1));
    expect(draw(2)).not.toEqual(draw(1));
    expect(memoryStats().liveTensors).toBe(before);
  });
});

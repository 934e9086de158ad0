import { expect, test } from 'vitest';
import { patchScalingTensor, scaleKernel } from '../../src/compress/patch-scaling.ts';
import { bicubicGridMatrix, resizePositions, sinCosPositions } from '../../src/nn/position.ts';
import { scope, tensor, zeros } from '../../src/torch/index.ts';
import * as ops from '../../src/torch/ops.ts';
import { error, readJson } from './golden.ts';

interface CompressGolden {
  patchScaling: { p: number; q: number; kernel: number[] }[];
  positions: { base: number; rows: number; columns: number; antialiased: number[]; dino: number[] }[];
  mocoV3Positions: { grid: number; width: number; table: number[] };
}

const golden = readJson<CompressGolden>('compress.golden.json');
const sines = (...shape: number[]) => {
  const count = shape.reduce((product, length) => product * length, 1);
  return tensor(
    Float64Array.from({ length: count }, (_, i) => Math.sin(i ** 2 + 1)),
    shape,
  );
};

// @proves patchScaling
test.each(golden.patchScaling)(
  "PI-resize of $p to $q is numpy's pseudo-inverse of torch's resize",
  ({ p, q, kernel }) => {
    scope(() => {
      const scaled = scaleKernel(sines(1, 2, p, p), patchScalingTensor(p, q, 'cpu'));
      expect(error(scaled.toNumbers(), kernel)).toBeLessThan(1e-12);
    });
  },
);

// @proves bicubicGridMatrix
test.each(golden.positions)(
  "learned positions of $base x $base to $rows x $columns are open_clip's and timm's, and DINO's",
  ({ base, rows, columns, ...tables }) => {
    scope(() => {
      const width = 3;
      const positions = ops.cat([zeros([1, width], { dtype: 'float64' }), sines(base * base, width)], 0);
      for (const resize of ['antialiased', 'dino'] as const) {
        const matrix = bicubicGridMatrix(base, { rows, columns }, { resize, device: 'cpu' });
        const resized = resizePositions(positions, { matrix, prefixTokens: 1 }).narrow(0, 1, rows * columns);
        expect(error(resized.toNumbers(), tables[resize]), resize).toBeLessThan(1e-13);
      }
    });
  },
);

test("MoCo v3's fixed positions: rows first", () => {
  const { grid, width, table } = golden.mocoV3Positions;
  expect(error(sinCosPositions({ grid, width, prefixTokens: 0, first: 'row' }), table)).toBeLessThan(1e-14);
  expect(error(sinCosPositions({ grid, width, prefixTokens: 0 }), table)).toBeGreaterThan(0.1);
});

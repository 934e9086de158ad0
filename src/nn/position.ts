import { type Tensor, tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import type { Grid } from './patch-embed.ts';

/** Which axis has the first half of a fixed position's width: the column in MAE and open_clip, the row in MoCo v3's code. */
export type FirstAxis = 'column' | 'row';

interface SinCosOptions {
  /** Cells of the grid: a number when it is square. */
  grid: number | Grid;
  width: number;
  prefixTokens: number;
  /** Side of the grid whose cells are 0, 1, 2 ... apart; another grid over the same picture has its cells between those. */
  baseGrid?: number;
  first?: FirstAxis;
}

/**
 * Fixed 2-D sine-cosine position embeddings (Dosovitskiy et al. 2021 variants; MoCo v3, Chen et al. 2021, section 3):
 * a quarter of the width each for sin and cos of the one axis and of the other, with wavelengths 1 to 10,000.
 * Returns [prefixTokens + rows * columns, width] row-major; prefix tokens (the class token) get zeros.
 */
export function sinCosPositions(options: SinCosOptions): Float64Array {
  const { width, prefixTokens, baseGrid, first = 'column' } = options;
  const grid = typeof options.grid === 'number' ? squareGrid(options.grid) : options.grid;
  if (width % 4 !== 0) throw new RangeError(`sin-cos positions need a width divisible by 4, got ${width}`);
  const table = new Float64Array((prefixTokens + grid.rows * grid.columns) * width);
  for (let row = 0; row < grid.rows; row++) {
    for (let column = 0; column < grid.columns; column++) {
      const at = (prefixTokens + row * grid.columns + column) * width;
      const y = onGrid(row, grid.rows, baseGrid);
      const x = onGrid(column, grid.columns, baseGrid);
      writePosition(table.subarray(at, at + width), first === 'column' ? [x, y] : [y, x]);
    }
  }
  return table;
}

const squareGrid = (side: number): Grid => ({ rows: side, columns: side });

/** Where the centre of cell `index` of `cells` is on a grid of `base` cells over the same stretch; on the same grid, `index`. */
const onGrid = (index: number, cells: number, base = cells) => ((index + 0.5) * base) / cells - 0.5;

/** [sin u, cos u, sin v, cos v], a quarter of the width each. */
function writePosition(into: Float64Array, [u, v]: [number, number]): void {
  const quarter = into.length / 4;
  for (let k = 0; k < quarter; k++) {
    const frequency = 1 / 10_000 ** (k / quarter);
    into[k] = Math.sin(u * frequency);
    into[quarter + k] = Math.cos(u * frequency);
    into[2 * quarter + k] = Math.sin(v * frequency);
    into[3 * quarter + k] = Math.cos(v * frequency);
  }
}

/** R [rows * columns, base * base]: bicubic resize of a square grid to another one, as DINO resizes learned positions (Caron et al. 2021). */
export function bicubicGridMatrix(base: number, { rows, columns }: Grid, device: string): Tensor {
  const cells = base * base;
  const each = ops.eye(cells, 'float64', undefined, device).view(cells, 1, base, base);
  return ops
    .upsample_bicubic2d(each, [rows, columns], false)
    .view(cells, rows * columns)
    .t.contiguous();
}

/** Positions [1 + N, D] on another grid, [1 + N', D], with gradient; the class token's, the first, stays. `resize` is R [N', N]. */
export function resizePositions(positions: Tensor, resize: Tensor): Tensor {
  const patches = positions.shape[0] - 1;
  // In float64, which autocast leaves alone.
  const resized = resize.matmul(positions.narrow(0, 1, patches).to('float64')).to(positions.dtype);
  return ops.cat([positions.narrow(0, 0, 1), resized], 0);
}

/** sinCosPositions() of the patches of another grid than the base one, [N', D]. */
export function sinCosOnGrid(
  options: { grid: Grid; baseGrid: number; width: number; first?: FirstAxis },
  like: Tensor,
): Tensor {
  const table = sinCosPositions({ ...options, prefixTokens: 0 });
  return tensor(table, [table.length / options.width, options.width], like);
}

/** The positions of the class token and of the patches that stay: [1 + N, D] and keep [B, K] -> [B, 1 + K, D]. */
export function keptPositions(positions: Tensor, keep: Tensor): Tensor {
  const classTokens = ops.zeros_like(keep.narrow(1, 0, 1));
  return ops.embedding(positions, ops.cat([classTokens, keep.add(1)], 1));
}

import { type Tensor, tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import type { Grid } from './patch-embed.ts';

/** Axis in the first half of a fixed position's width: the column in MAE and open_clip, the row in MoCo v3. */
export type FirstAxis = 'column' | 'row';

interface SinCosOptions {
  grid: number | Grid; // a number when square
  width: number;
  prefixTokens: number;
  /** Side of the grid whose cells are 1 apart, over the same picture. Default: `grid`. */
  baseGrid?: number;
  first?: FirstAxis;
}

/**
 * Fixed sine-cosine positions of both axes (Chen et al. 2021, section 3), with wavelengths up to 10,000.
 * Returns [prefixTokens + rows * columns, width], row-major; prefix tokens get zeros.
 * Throws a RangeError unless 4 divides the width.
 * @equation FastCLIP 5: sine-cosine positions in two dimensions (MoCo v3, Chen et al. 2021)
 * @equation FastCL 1.4: positions on a coarser grid: sine-cosine between the cells of the model's grid, learned ones by bicubic resize
 */
export function sinCosPositions(options: SinCosOptions): Float64Array {
  const { width, prefixTokens, baseGrid, first = 'column' } = options;
  const grid = typeof options.grid === 'number' ? squareGrid(options.grid) : options.grid;
  if (width % 4 !== 0) throw new RangeError(`sin-cos positions need a width divisible by 4, got ${width}`);
  const table = new Float64Array((prefixTokens + grid.rows * grid.columns) * width);
  for (let row = 0; row < grid.rows; row++) {
    for (let column = 0; column < grid.columns; column++) {
      const start = (prefixTokens + row * grid.columns + column) * width;
      const y = onGrid(row, grid.rows, baseGrid);
      const x = onGrid(column, grid.columns, baseGrid);
      writePosition(table.subarray(start, start + width), first === 'column' ? [x, y] : [y, x]);
    }
  }
  return table;
}

const squareGrid = (side: number): Grid => ({ rows: side, columns: side });

/** The centre of cell `index` of `cells`, in cells of a grid of `base`. */
const onGrid = (index: number, cells: number, base = cells) => ((index + 0.5) * base) / cells - 0.5;

/** [sin u, cos u, sin v, cos v], equally wide. */
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

/**
 * How learned positions are resized. `antialiased`: as open_clip and timm, Keys' cubic with a = -1/2, stretched when shrinking, the same when
 * enlarging. `dino`: as DINO's code, a = -3/4, never stretched, where the new grid counts 0.1 cells more.
 */
export type PositionResize = 'antialiased' | 'dino';

/**
 * Bicubic resize of a square grid as a matrix R [rows * columns, base * base].
 * @equation FastCL 1.4: positions on a coarser grid: sine-cosine between the cells of the own one, learned by bicubic resize
 */
export function bicubicGridMatrix(
  base: number,
  { rows, columns }: Grid,
  { resize, device }: { resize: PositionResize; device: string },
): Tensor {
  const cells = base * base;
  const each = ops.eye(cells, 'float64', undefined, device).view(cells, 1, base, base);
  const dinoScale = (side: number) => (side + 0.1) / base;
  const resized =
    resize === 'dino'
      ? ops.upsample_bicubic2d(each, [rows, columns], false, dinoScale(rows), dinoScale(columns))
      : ops._upsample_bicubic2d_aa(each, [rows, columns], false);
  return resized.view(cells, rows * columns).t.contiguous();
}

/** Positions [C + N, D] -> [C + N', D] by a matrix [N', N], with gradient; those of the C prefix tokens stay. */
export function resizePositions(
  positions: Tensor,
  { matrix, prefixTokens }: { matrix: Tensor; prefixTokens: number },
): Tensor {
  const patches = positions.shape[0] - prefixTokens;
  // In float64, which autocast leaves alone.
  const resized = matrix.matmul(positions.narrow(0, prefixTokens, patches).to('float64')).to(positions.dtype);
  return ops.cat([positions.narrow(0, 0, prefixTokens), resized], 0);
}

/**
 * sinCosPositions() of another grid's patches, [N', D].
 * @equation FastCL 1.4: positions on a coarser grid: sine-cosine between the cells of the model's grid, learned ones by bicubic resize
 */
export function sinCosOnGrid(
  options: { grid: Grid; baseGrid: number; width: number; first?: FirstAxis },
  like: Tensor,
): Tensor {
  const table = sinCosPositions({ ...options, prefixTokens: 0 });
  return tensor(table, [table.length / options.width, options.width], like);
}

/** Positions [C + N, D], keep [B, K] -> [B, C + K, D]; C is 0 or 1. */
export function keptPositions(
  positions: Tensor,
  { keep, prefixTokens }: { keep: Tensor; prefixTokens: number },
): Tensor {
  if (prefixTokens === 0) return ops.embedding(positions, keep);
  const classTokens = ops.zeros_like(keep.narrow(1, 0, 1));
  return ops.embedding(positions, ops.cat([classTokens, keep.add(1)], 1));
}

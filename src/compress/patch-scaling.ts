import { type Tensor, tensor } from '../torch/index.ts';

// FlexiViT's PI-resize of a patch kernel (Beyer et al. 2023, section 3.4). Matrices are float64, row by row.

/** The two neighbours of each of `to` cells among `from` cells, by the half-pixel rule. */
function bilinearTaps(from: number, to: number): { low: number; high: number; weight: number }[] {
  return Array.from({ length: to }, (_, i) => {
    const position = Math.max(0, ((i + 0.5) * from) / to - 0.5);
    const low = Math.min(Math.floor(position), from - 1);
    return { low, high: Math.min(low + 1, from - 1), weight: position - low };
  });
}

/** b [to, from]: bilinear resize of a line, without antialias. A picture's is b ⊗ b. */
export function bilinearMatrix(from: number, to: number): Float64Array {
  const b = new Float64Array(to * from);
  bilinearTaps(from, to).forEach(({ low, high, weight }, i) => {
    b[i * from + low] += 1 - weight;
    b[i * from + high] += weight;
  });
  return b;
}

/** X [n, columns] with G X = R, G [n, n] symmetric positive definite: Gauss-Jordan without pivots. */
function solve(G: Float64Array, R: Float64Array, n: number): Float64Array {
  const [g, x] = [G.slice(), R.slice()];
  const columns = R.length / n;
  for (let k = 0; k < n; k++) {
    for (let i = 0; i < n; i++) {
      if (i === k) continue;
      const factor = g[i * n + k] / g[k * n + k];
      for (let j = k; j < n; j++) g[i * n + j] -= factor * g[k * n + j];
      for (let j = 0; j < columns; j++) x[i * columns + j] -= factor * x[k * columns + j];
    }
  }
  return x.map((value, at) => value / g[Math.floor(at / columns) * (n + 1)]);
}

function transposed(a: Float64Array, rows: number): Float64Array {
  const columns = a.length / rows;
  return a.map((_, at) => a[(at % rows) * columns + Math.floor(at / rows)]);
}

/** A A^T of A [rows, columns]. */
function gram(a: Float64Array, rows: number): Float64Array {
  const columns = a.length / rows;
  return Float64Array.from({ length: rows * rows }, (_, at) => {
    const [i, j] = [Math.floor(at / rows) * columns, (at % rows) * columns];
    let sum = 0;
    for (let k = 0; k < columns; k++) sum += a[i + k] * a[j + k];
    return sum;
  });
}

/**
 * (b^T)^+ [to, from]: b (b^T b)^-1 for a larger patch, (b b^T)^-1 b for a smaller one. Normal equations are exact enough: b's
 * condition number is below 2 (FastCL 1.4).
 * @equation FastCL 1.4: P = (B^T)^+, so that <B x, P w> = <x, w>; B = b ⊗ b, P = a ⊗ a
 */
export function lineScaling(from: number, to: number): Float64Array {
  const b = bilinearMatrix(from, to);
  if (to < from) return solve(gram(b, to), b, to);
  const bT = transposed(b, to);
  return transposed(solve(gram(bT, from), bT, from), from);
}

/**
 * P^T [p p, q q], with P = (B^T)^+ of the bilinear resize B from p x p to q x q: <B x, P w> = <x, w> for all patches x when
 * q >= p, least squares when q < p. B = b ⊗ b, so P = a ⊗ a with a = (b^T)^+.
 * @equation FastCL 1.4: P = (B^T)^+, so that <B x, P w> = <x, w>; B = b ⊗ b, P = a ⊗ a
 */
function patchScaling(p: number, q: number): Float64Array {
  const a = lineScaling(p, q); // [q, p]
  const PT = new Float64Array(p * p * q * q);
  for (let y = 0; y < p; y++)
    for (let x = 0; x < p; x++)
      for (let v = 0; v < q; v++)
        for (let u = 0; u < q; u++) PT[(y * p + x) * q * q + v * q + u] = a[v * p + y] * a[u * p + x];
  return PT;
}

/** A model makes it once for each q. */
export function patchScalingTensor(p: number, q: number, device: string): Tensor {
  return tensor(patchScaling(p, q), [p * p, q * q], { device });
}

/**
 * Kernel [D, C, p, p] -> [D, C, q, q], differentiable. Resize the stored kernel: a second resize loses information.
 * @param scaling patchScalingTensor(p, q)
 * @equation FastCL 1.4: the stored kernel gets its gradient through P
 */
export function scaleKernel(kernel: Tensor, scaling: Tensor): Tensor {
  const [width, channels, p] = kernel.shape;
  const q = Math.sqrt(scaling.shape[1]);
  if (q === p) return kernel;
  // float64, since autocast would use bfloat16: two digits only.
  const rows = kernel.view(width * channels, p * p).to('float64');
  return rows.matmul(scaling).to(kernel.dtype).view(width, channels, q, q);
}

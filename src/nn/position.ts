/**
 * Fixed 2-D sine-cosine position embeddings (Dosovitskiy et al. 2021 variants; MoCo v3, Chen et al. 2021, section 3):
 * a quarter of the width each for sin and cos of the column and of the row, with wavelengths 1 to 10,000.
 * Returns [prefixTokens + grid * grid, width] row-major; prefix tokens (the class token) get zeros.
 */
export function sinCosPositions({
  grid,
  width,
  prefixTokens,
}: {
  grid: number;
  width: number;
  prefixTokens: number;
}): Float64Array {
  if (width % 4 !== 0) throw new RangeError(`sin-cos positions need a width divisible by 4, got ${width}`);
  const quarter = width / 4;
  const table = new Float64Array((prefixTokens + grid * grid) * width);
  for (let row = 0; row < grid; row++) {
    for (let column = 0; column < grid; column++) {
      const at = (prefixTokens + row * grid + column) * width;
      for (let k = 0; k < quarter; k++) {
        const frequency = 1 / 10_000 ** (k / quarter);
        table[at + k] = Math.sin(column * frequency);
        table[at + quarter + k] = Math.cos(column * frequency);
        table[at + 2 * quarter + k] = Math.sin(row * frequency);
        table[at + 3 * quarter + k] = Math.cos(row * frequency);
      }
    }
  }
  return table;
}

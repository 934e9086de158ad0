/** Of noise with cells of 2, 4, ... 128 pixels. */
const WEIGHTS = [4, 6, 10, 16, 26, 42, 68];

function hashed(x: number, y: number, k: number): number {
  const value = Math.imul(x, 73856093) ^ Math.imul(y, 19349663) ^ Math.imul(k, 83492791);
  return Math.imul(value, 2654435761) >>> 24;
}

/** RGB bytes of a picture like a photo: noise of several sizes, a disc and lines of signs, as in large-crops-pillow.py. */
export function photo(width: number, height: number): Uint8Array {
  const total = WEIGHTS.reduce((a, b) => a + b);
  const pixels = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) pixels.set(colourAt(x, y), (y * width + x) * 3);
  return pixels;

  function colourAt(x: number, y: number): number[] {
    const isSign = x % 10 < 8 && y % 24 >= 5 && y % 24 < 19 && y > height >> 1 && x > width >> 2;
    const column = ((x % 10) >> 1) + 5 * Math.floor(x / 10);
    const row = ((y % 24) - 5) >> 1;
    if (isSign && hashed(column, row + 7 * Math.floor(y / 24), 99) & 1) return [20, 20, 20];
    const [dx, dy] = [x - Math.floor(width / 3), y - Math.floor(height / 3)];
    if (dx * dx + dy * dy < Math.floor(height / 5) ** 2) return [200, 60, 40];
    return [0, 1, 2].map((c) =>
      Math.floor(WEIGHTS.reduce((sum, weight, k) => sum + weight * noise(x, y, k + 1, c), 0) / total),
    );
  }
}

function noise(x: number, y: number, k: number, c: number): number {
  const cell = 2 ** k;
  const [ix, iy, fx, fy] = [x >> k, y >> k, x & (cell - 1), y & (cell - 1)];
  const at = (dx: number, dy: number) => hashed(ix + dx, iy + dy, 3 * k + c);
  const top = at(0, 0) * (cell - fx) + at(1, 0) * fx;
  const bottom = at(0, 1) * (cell - fx) + at(1, 1) * fx;
  return Math.floor((top * (cell - fy) + bottom * fy) / (cell * cell));
}

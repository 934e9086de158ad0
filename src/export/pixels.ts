/**
 * Normalised pixels as a model takes them.
 * @param rgb bytes [B, S, S, 3]
 * @returns [B, 3, S, S]: (x / 255 - mean) / std
 */
export function normalised(
  rgb: Uint8Array,
  side: number,
  { mean, std }: { mean: readonly number[]; std: readonly number[] },
): Float32Array<ArrayBuffer> {
  const area = side * side;
  const out = new Float32Array(rgb.length);
  for (let first = 0, at = 0; first < rgb.length; first += 3 * area)
    for (let channel = 0; channel < 3; channel++)
      for (let pixel = 0; pixel < area; pixel++, at++)
        out[at] = (rgb[first + 3 * pixel + channel]! / 255 - mean[channel]!) / std[channel]!;
  return out;
}

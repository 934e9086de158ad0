/**
 * @param rgb bytes [S, S, 3]
 * @returns [3, S, S], (x / 255 - mean) / std
 */
export function towerPixels(
  rgb: Uint8Array,
  { mean, std }: { mean: readonly number[]; std: readonly number[] },
): Float32Array<ArrayBuffer> {
  const area = rgb.length / 3;
  const out = new Float32Array(rgb.length);
  for (let channel = 0, at = 0; channel < 3; channel++) {
    const shift = mean[channel]! * 255;
    const scale = 1 / (std[channel]! * 255);
    for (let from = channel; at < (channel + 1) * area; at++, from += 3)
      out[at] = (rgb[from]! - shift) * scale;
  }
  return out;
}

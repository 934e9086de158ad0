// 16-bit floats.

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** float32 -> the bits of the nearest float16, ties to even. Above 65504 it is infinite. */
function halfBits(value: number): number {
  float[0] = value;
  const x = bits[0]!;
  const sign = (x >>> 16) & 0x8000;
  const magnitude = x & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // not a number
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Below 2^-14 a half has steps of 2^-24, as float32 has from 1/2 to 1.
    float[0] = Math.abs(value) + 0.5;
    return sign | (bits[0]! - 0x3f000000);
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

/** The bits of float16 -> its value. */
function fromHalfBits(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Bits of float16. A loop, since from() is 50 times slower. */
export function halves(values: ArrayLike<number>): Uint16Array {
  const out = new Uint16Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = halfBits(values[i]!);
  return out;
}

/** Values of float16 or bfloat16. */
export function fromHalves(bitsOfEach: Uint16Array, dtype: 'float16' | 'bfloat16'): Float32Array {
  const out = new Float32Array(bitsOfEach.length);
  if (dtype === 'bfloat16') {
    // The upper half of a float32.
    const whole = new Uint32Array(out.buffer);
    for (let i = 0; i < out.length; i++) whole[i] = bitsOfEach[i]! << 16;
  } else for (let i = 0; i < out.length; i++) out[i] = fromHalfBits(bitsOfEach[i]!);
  return out;
}

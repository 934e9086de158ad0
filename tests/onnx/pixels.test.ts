// Pictures of any size, cut by the graph, against Couplet's evaluation of the same pixels.
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Interpolation } from '../../src/data/pictures/crop.ts';
import { centerView, cutSmall } from '../../src/data/pictures/decode.ts';
import { Graph } from '../../src/onnx/graph.ts';
import { openOnnx } from '../../src/onnx/index.ts';
import { centerCrop } from '../../src/onnx/pixels.ts';
import { writeGraph } from '../../src/onnx/write.ts';
import { photo } from '../data/photo.ts';
import { folder } from './harness.ts';

const SIDE = 24;
const [MEAN, STD] = [
  [0.48, 0.46, 0.41],
  [0.27, 0.26, 0.28],
];

/** Bytes [B, H, W, 3] -> bytes [B, S, S, 3] by the graph, which sees them normalised. */
async function byGraph(
  bytes: Uint8Array,
  size: { width: number; height: number },
  interpolation: Interpolation,
) {
  const area = size.width * size.height;
  const data = Float32Array.from({ length: bytes.length }, (_, i) => {
    const [plane, at] = [Math.floor(i / area), i % area];
    const [sample, channel] = [Math.floor(plane / 3), plane % 3];
    return (bytes[(sample * area + at) * 3 + channel]! / 255 - MEAN[channel]!) / STD[channel]!;
  });
  const graph = new Graph('float32');
  const input = graph.input('pixels', 'float32', ['batch', 3, 'height', 'width']);
  const cut = centerCrop(graph, input, SIDE, { mean: MEAN, std: STD, interpolation });
  graph.output('cut', cut, ['batch', 3, SIDE, SIDE]);
  const { path } = await writeGraph(join(folder(), 'pixels.onnx'), graph.proto('pixels'));
  const model = await openOnnx(path);
  const batch = bytes.length / area / 3;
  const { cut: out } = await model.run({ pixels: { shape: [batch, 3, size.height, size.width], data } });
  await model.close();
  return Float64Array.from({ length: batch * SIDE * SIDE * 3 }, (_, i) => {
    const [sample, at, channel] = [Math.floor(i / SIDE ** 2 / 3), Math.floor(i / 3) % SIDE ** 2, i % 3];
    const value = Number(out!.data[(sample * 3 + channel) * SIDE ** 2 + at]);
    return (value * STD[channel]! + MEAN[channel]!) * 255;
  });
}

describe('the middle of a picture', () => {
  test.each([
    ['bicubic', 100, 60],
    ['bicubic', 61, 90],
    ['bicubic', 25, 24],
    ['bicubic', 13, 11],
    ['bicubic', 500, 37],
    ['bilinear', 77, 120],
  ] as [Interpolation, number, number][])('%s, %d x %d', async (interpolation, width, height) => {
    const data = photo(width, height);
    const target = new Uint8Array(SIDE * SIDE * 3);
    const view = centerView({ width, height }, SIDE);
    cutSmall({ data, width, height }, view, { target, offset: 0, interpolation });
    const out = await byGraph(data, { width, height }, interpolation);
    const off = out.map((value, i) => Math.abs(value - target[i]!));
    // Sums in another order: a value half way between bytes goes to the other one.
    expect(Math.max(...off)).toBeLessThan(1.001);
    expect(off.filter((each) => each > 0.001).length / off.length).toBeLessThan(0.005);
  });

  test('pixels of the size of the model stay, in a batch too', async () => {
    const bytes = photo(SIDE, 2 * SIDE); // two pictures
    const out = await byGraph(bytes, { width: SIDE, height: SIDE }, 'bicubic');
    expect(Math.max(...out.map((value, i) => Math.abs(value - bytes[i]!)))).toBeLessThan(0.001);
  });
});

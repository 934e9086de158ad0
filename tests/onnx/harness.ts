// Models with random weights, their own features, and those of their ONNX files.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HostTensor } from '../../src/io/host-tensor.ts';
import type { AnyClipSpec } from '../../src/models/clip.ts';
import { Clip } from '../../src/models/clip.ts';
import { TIMM_VIT, VisionTransformer, type VitSpec } from '../../src/models/vit.ts';
import { Init } from '../../src/nn/init.ts';
import type { Module } from '../../src/nn/module.ts';
import { type OnnxOptions, type OnnxTensor, openOnnx, writeOnnx } from '../../src/onnx/index.ts';
import { Generator, noGrad, randn, scope, type Tensor, tensor } from '../../src/torch/index.ts';

export const folder = () => mkdtempSync(join(tmpdir(), 'couplet-onnx-'));

function hostOf(model: Module, prefix = ''): Map<string, HostTensor> {
  const named = [...model.namedTensors()].map(([name, each]) => {
    const { buffer, byteOffset, byteLength } = each.toArray();
    const data = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
    return [prefix + name, { dtype: each.dtype, shape: each.shape, data }] as const;
  });
  return new Map(named);
}

/** Gives gains, biases and running statistics, which start as ones and zeros, values that show. */
function shake(model: Module): void {
  const random = new Generator('cpu', 99);
  noGrad(() => {
    for (const [name, each] of model.namedTensors()) {
      if (each.shape.length !== 1) continue;
      const noise = randn(each.shape, random, 'float32').mul_(0.2);
      if (name.endsWith('running_var')) each.add_(noise.abs());
      else each.add_(noise);
    }
  });
}

const rowsOf = (features: Tensor): OnnxTensor => ({
  shape: features.shape,
  data: features.toArray() as Float32Array,
});

export function pixelsOf(batch: number, side: number, seed = 3): OnnxTensor {
  return scope(() => rowsOf(randn([batch, 3, side, side], new Generator('cpu', seed), 'float32')));
}

export const idsOf = (...rows: number[][]): OnnxTensor => ({
  shape: [rows.length, rows[0]!.length],
  data: BigInt64Array.from(rows.flat(), BigInt),
});

const asTensor = ({ data, shape }: OnnxTensor): Tensor =>
  data instanceof Float32Array ? tensor(data, shape) : tensor(Int32Array.from(data, Number), shape);

/** A pair's weights and its features, rows of unit length. */
export function pair(spec: AnyClipSpec) {
  const model = new Clip(spec, { seed: 1 });
  shake(model);
  const features = (encode: () => Tensor) => noGrad(() => scope(() => rowsOf(encode())));
  return {
    spec,
    weights: hostOf(model),
    images: (pixels: OnnxTensor) => features(() => model.encodeImage(asTensor(pixels))),
    texts: (ids: OnnxTensor) => features(() => model.encodeText(asTensor(ids))),
  };
}

/** An encoder of pictures alone, as other methods have it. */
export function encoder(spec: VitSpec) {
  const model = new VisionTransformer(new Init({ seed: 2 }), spec, TIMM_VIT);
  shake(model);
  return {
    spec: { image: spec },
    weights: hostOf(model, 'backbone.'),
    images: (pixels: OnnxTensor) => noGrad(() => scope(() => rowsOf(model.forward(asTensor(pixels))))),
  };
}

export async function runOnnx(
  options: OnnxOptions,
  ...inputs: Record<string, OnnxTensor>[]
): Promise<Record<string, OnnxTensor>[]> {
  const file = await writeOnnx(join(folder(), 'model.onnx'), options);
  const model = await openOnnx(file.path, file.dataPaths);
  const outputs: Record<string, OnnxTensor>[] = [];
  for (const each of inputs) outputs.push(await model.run(each));
  await model.close();
  return outputs;
}

/** Rows of unit length. */
export function unit({ shape, data }: OnnxTensor): OnnxTensor {
  const [rows, width] = shape as [number, number];
  const out = Float32Array.from(data as Float32Array);
  for (let row = 0; row < rows; row++) {
    const each = out.subarray(row * width, (row + 1) * width);
    const length = Math.hypot(...each);
    each.forEach((value, i) => {
      each[i] = value / length;
    });
  }
  return { shape, data: out };
}

/** The largest difference. Infinite for other shapes, and for what is not a number. */
export function difference(a: OnnxTensor, b: OnnxTensor): number {
  if (a.shape.join() !== b.shape.join()) return Number.POSITIVE_INFINITY;
  let largest = 0;
  a.data.forEach((value, i) => {
    const off = Math.abs(Number(value) - Number(b.data[i]));
    largest = Number.isNaN(off) ? Number.POSITIVE_INFINITY : Math.max(largest, off);
  });
  return largest;
}

// What stands in the files: read by tests/onnx/read.ts.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { HostTensor } from '../../src/io/host-tensor.ts';
import { openSafetensors, writeSafetensors } from '../../src/io/safetensors.ts';
import type { AnyClipSpec } from '../../src/models/clip.ts';
import { openOnnx, type VariantName, writeOnnx } from '../../src/onnx/index.ts';
import { difference, folder, idsOf, pair, pixelsOf } from './harness.ts';
import { fieldsOf, messages, numbers, tensorsOf, texts } from './read.ts';

const SPEC: AnyClipSpec = {
  embedDim: 12,
  image: {
    imageSize: 24,
    patchSize: 8,
    width: 24,
    layers: 1,
    heads: 3,
    mlpRatio: 2,
    pool: 'class',
    positionEmbedding: 'learned',
  },
  text: { contextLength: 7, vocabSize: 30, width: 16, heads: 2, layers: 1 },
};
const { weights, spec } = pair(SPEC);
const model = { weights, spec };
const floatsOf = ({ data }: { data: Uint8Array }) =>
  new Float32Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength));

async function bytesOf(variant: VariantName, part: 'text' | 'image' = 'text'): Promise<Buffer> {
  const { path } = await writeOnnx(join(folder(), 'model.onnx'), { ...model, part, variant });
  return readFileSync(path);
}

describe('a file', () => {
  test('says its versions, its inputs and outputs with free sizes, and its operators', async () => {
    const file = fieldsOf(await bytesOf('fp32'));
    expect([numbers(file, 1), texts(file, 2)]).toEqual([[10], ['couplet']]);
    const opsets = messages(file, 8).map((opset) => [texts(opset, 1)[0], numbers(opset, 2)[0]]);
    expect(opsets).toEqual([['', 20]]);
    const [graph] = messages(file, 7);
    const described = (field: number) =>
      messages(graph!, field).map((value) => {
        const [type] = messages(messages(value, 2)[0]!, 1);
        const sizes = messages(messages(type!, 2)[0]!, 1);
        return [
          texts(value, 1)[0],
          numbers(type!, 1)[0],
          ...sizes.map((s) => texts(s, 2)[0] ?? numbers(s, 1)[0]),
        ];
      });
    expect(described(11)).toEqual([['input_ids', 7, 'batch_size', 'sequence_length']]);
    expect(described(12)).toEqual([['text_embeds', 1, 'batch_size', 12]]);
    const operators = messages(graph!, 1).map((node) => texts(node, 4)[0]);
    expect(operators.filter((op) => op === 'LayerNormalization')).toHaveLength(3);
    const [norm] = messages(graph!, 1).filter((node) => texts(node, 4)[0] === 'LayerNormalization');
    const attributes = messages(norm!, 5).map((each) => [
      texts(each, 1)[0],
      numbers(each, 20)[0],
      numbers(each, 3)[0] ?? (each.get(2)![0] as Buffer).readFloatLE(),
    ]);
    expect(attributes).toEqual([
      ['axis', 2, -1],
      ['epsilon', 1, Math.fround(1e-5)],
    ]);
  });

  test('float32: numbers are those of the weights', async () => {
    const tensors = tensorsOf(await bytesOf('fp32'));
    const table = tensors.get('token_embedding.weight')!;
    expect([table.type, table.shape]).toEqual([1, [30, 16]]);
    expect(floatsOf(table)).toEqual(floatsOf(model.weights.get('token_embedding.weight')!));
  });

  test('float16: numbers are the nearest, ties to even, small and large ones too', async () => {
    const odd = [
      0,
      -0,
      1,
      1 / 3,
      65504,
      65519,
      65520,
      1e9,
      -1e9,
      2 ** -24,
      2 ** -25,
      3 * 2 ** -25,
      2 ** -14,
      1.0009765625 + 2 ** -11,
    ];
    const bias = new Float32Array(16);
    bias.set(odd);
    const weights = new Map(model.weights).set('ln_final.bias', tensorOf(bias));
    const { path } = await writeOnnx(join(folder(), 'm.onnx'), {
      spec: SPEC,
      weights,
      part: 'text',
      variant: 'fp16',
    });
    const { data, type } = tensorsOf(readFileSync(path)).get('ln_final.bias')!;
    expect(type).toBe(10);
    const bits = odd.map((_, i) => data.readUInt16LE(2 * i));
    // numpy.float16(odd).view(uint16)
    expect(bits.map((each) => each.toString(16))).toEqual(
      '0 8000 3c00 3555 7bff 7bff 7c00 7c00 fc00 1 0 2 400 3c02'.split(' '),
    );
  });

  test('int8: each output channel has its scale, and is within half a step', async () => {
    const tensors = tensorsOf(await bytesOf('q8'));
    const name = 'transformer.resblocks.0.mlp.c_fc.weight'; // [64, 16], stored as [16, 64]
    const weight = floatsOf(model.weights.get(name)!);
    const steps = tensors.get(`${name}:int8`)!;
    const scales = floatsOf(tensors.get(`${name}:scale`)!);
    expect([steps.type, steps.shape, scales.length]).toEqual([3, [16, 64], 64]);
    let most = 0;
    weight.forEach((value, i) => {
      const [out, inner] = [Math.floor(i / 16), i % 16];
      const step = steps.data.readInt8(inner * 64 + out);
      most = Math.max(most, Math.abs(step));
      expect(Math.abs(step * scales[out]! - value)).toBeLessThan(scales[out]! * 0.5001);
    });
    expect(most).toBe(127);
  });

  test('int4: two a byte, the first in the low half, in blocks of 32 that are filled with zeros', async () => {
    const tensors = tensorsOf(await bytesOf('q4'));
    const name = 'transformer.resblocks.0.mlp.c_fc.weight'; // [64, 16]
    const weight = floatsOf(model.weights.get(name)!);
    const packed = tensors.get(`${name}:int4`)!;
    const scales = floatsOf(tensors.get(`${name}:scale`)!);
    expect([packed.type, packed.shape, scales.length]).toEqual([2, [64, 1, 16], 64]);
    for (let out = 0; out < 64; out++)
      for (let inner = 0; inner < 32; inner++) {
        const byte = packed.data[out * 16 + (inner >> 1)]!;
        const step = (inner % 2 === 0 ? byte & 15 : byte >> 4) - 8;
        const expected = inner < 16 ? weight[out * 16 + inner]! : 0;
        // Above 7 steps a value is cut to 7.
        expect(Math.abs(step * scales[out]! - expected)).toBeLessThan(
          Math.abs(scales[out]!) * (step === 7 ? 1.0001 : 0.5001),
        );
      }
  });
});

const tensorOf = (values: Float32Array): HostTensor => ({
  dtype: 'float32',
  shape: [values.length],
  data: new Uint8Array(values.buffer),
});

describe('data beyond the limit', () => {
  test('stands in files of at most the limit, at pages, and gives the same features', async () => {
    const at = folder();
    const options = { ...model, part: 'image', limit: 20_000 } as const;
    const { path, dataPaths, bytes } = await writeOnnx(join(at, 'vision_model.onnx'), options);
    const names = readdirSync(at).sort();
    expect(names[0]).toBe('vision_model.onnx');
    expect(names.slice(1, 3)).toEqual(['vision_model.onnx_data', 'vision_model.onnx_data_1']);
    expect(dataPaths.map((each) => each.slice(at.length + 1))).toEqual(names.slice(1));
    const sizes = [path, ...dataPaths].map((each) => statSync(each).size);
    expect(bytes).toBe(sizes.reduce((a, b) => a + b));
    expect(Math.max(...sizes.slice(1))).toBeLessThanOrEqual(20_000);
    for (const { data, external } of tensorsOf(readFileSync(path)).values()) {
      expect(data.length).toBeLessThan(1024);
      if (external.location) expect(Number(external.offset) % 4096).toBe(0);
    }
    const pixels = pixelsOf(2, 24);
    const run = async (...files: [string, string[]?]) => {
      const opened = await openOnnx(...files);
      const out = (await opened.run({ pixel_values: pixels })).image_embeds!;
      await opened.close();
      return out;
    };
    const whole = await writeOnnx(join(at, 'whole.onnx'), { ...model, part: 'image' });
    expect(whole.dataPaths).toEqual([]);
    expect(difference(await run(path, dataPaths), await run(whole.path))).toBe(0);
  });

  test('a file without its data is refused', async () => {
    const { path } = await writeOnnx(join(folder(), 'm.onnx'), { ...model, part: 'image', limit: 1000 });
    await expect(openOnnx(path)).rejects.toThrow(/could not be loaded by onnxruntime-web/);
  });
});

describe('weights', () => {
  test('are read from a safetensors file a tensor at a time', async () => {
    const at = folder();
    await writeSafetensors(join(at, 'model.safetensors'), model.weights);
    const weights = await openSafetensors(join(at, 'model.safetensors'));
    const streamed = await writeOnnx(join(at, 'a.onnx'), { ...model, weights, part: 'joint' });
    const whole = await writeOnnx(join(at, 'b.onnx'), { ...model, part: 'joint' });
    await weights.close();
    expect(readFileSync(streamed.path).equals(readFileSync(whole.path))).toBe(true);
  });

  test('of 16 bits and of 64 become float32', async () => {
    const tensor = model.weights.get('ln_final.weight')!;
    const values = floatsOf(tensor).map((value) => Math.round(value * 16) / 16); // exact in all
    const bits = new Uint32Array(values.buffer);
    const same: HostTensor[] = [
      { ...tensor, dtype: 'float64', data: new Uint8Array(Float64Array.from(values).buffer) },
      {
        ...tensor,
        dtype: 'bfloat16',
        data: new Uint8Array(Uint16Array.from(bits, (each) => each >>> 16).buffer),
      },
    ];
    for (const each of same) {
      const weights = new Map(model.weights).set('ln_final.weight', each);
      const { path } = await writeOnnx(join(folder(), 'm.onnx'), { spec: SPEC, weights, part: 'text' });
      expect(floatsOf(tensorsOf(readFileSync(path)).get('ln_final.weight')!)).toEqual(values);
    }
  });

  test('that cannot be read leave no file', async () => {
    const at = folder();
    const broken = new Map(model.weights).set('text_projection', {
      ...model.weights.get('text_projection')!,
      dtype: 'int64',
      data: new Uint8Array(16 * 12 * 8),
    });
    const write = writeOnnx(join(at, 'm.onnx'), { spec: SPEC, weights: broken, part: 'text' });
    await expect(write).rejects.toThrow(/text_projection is int64, expected a tensor of floats/);
    expect(existsSync(join(at, 'm.onnx'))).toBe(false);
  });
});

describe('input that does not fit', () => {
  test.each([
    ['another picture size', { pixel_values: pixelsOf(1, 32) }],
    ['no such input', { pixels: pixelsOf(1, 24) }],
    ['ids', { pixel_values: idsOf([1, 2]) }],
  ] as [string, Record<string, ReturnType<typeof idsOf>>][])(
    '%s is refused with the path',
    async (_, inputs) => {
      const { path } = await writeOnnx(join(folder(), 'm.onnx'), { ...model, part: 'image' });
      const opened = await openOnnx(path);
      await expect(opened.run(inputs)).rejects.toThrow(/m\.onnx could not be run: /);
      expect((await opened.run({ pixel_values: pixelsOf(1, 24) })).image_embeds!.shape).toEqual([1, 12]);
      await opened.close();
    },
  );
});

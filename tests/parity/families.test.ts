// Weights made by open_clip, transformers and timm give their features: families/NAME/ by make-family-goldens.py.
import { copyFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parseConfig, type RunConfigInput } from '../../src/config/index.ts';
import { tokensToDevice } from '../../src/feed/upload.ts';
import { onHost } from '../../src/io/checkpoint.ts';
import type { HostTensor } from '../../src/io/host-tensor.ts';
import { readSafetensors, writeSafetensors } from '../../src/io/safetensors.ts';
import type { Method } from '../../src/methods/index.ts';
import { alone } from '../../src/ranks/index.ts';
import { createMethod } from '../../src/run/build.ts';
import { resolveConfig } from '../../src/run/resolve.ts';
import { startFromWeights } from '../../src/run/weights.ts';
import { noGrad, scope, type Tensor, tensorFromBits } from '../../src/torch/index.ts';
import { temporaryFolder } from '../data/make.ts';

const FAMILIES = fileURLToPath(new URL('families/', import.meta.url));
/** Of the largest value; float32 on both sides. */
const TOLERANCE = 1e-5;

/** No config says it: open_clip names timm's model, and this one is known to the script alone. */
const CHANGES: Record<string, object> = {
  'open-clip-siglip': { image: { heads: 3 } },
  'open-clip-siglip2': { image: { heads: 3 } },
};

type Goldens = Map<string, HostTensor>;
const goldensOf = async (family: string): Promise<Goldens> =>
  (await readSafetensors(`${FAMILIES}${family}/features.safetensors`)).tensors;

const hasTexts = (goldens: Goldens) => goldens.has('text');

const configOf = (model: object, method: 'clip' | 'simclr') =>
  parseConfig({
    name: 'families',
    device: 'cpu',
    model,
    method: { name: method },
    data: { train: { type: 'folder', path: 'none' } },
    batch: { globalBatchSize: 2 },
    duration: { epochs: 1 },
  } as unknown as RunConfigInput);

interface Started {
  method: Method;
  told: string[];
}

/** As a run starts, without its data. */
async function startRun(model: object, method: 'clip' | 'simclr', pixels = {}): Promise<Started> {
  const parsed = configOf(model, method);
  const resolved = resolveConfig({ ...parsed, data: { ...parsed.data, ...pixels } });
  const made = createMethod(resolved.config, {
    model: resolved.model,
    datasetSize: 1,
    device: 'cpu',
    ranks: alone,
  });
  const { told } = await startFromWeights(parsed, { method: made, model: resolved.model });
  return { method: made, told };
}

const tensorOf = ({ data, shape, dtype }: HostTensor) => tensorFromBits(data, shape as number[], dtype);

/** Largest difference, relative to the golden's largest value. */
function difference(actual: Tensor, golden: HostTensor): number {
  return scope(() => {
    const expected = tensorOf(golden);
    expect(actual.shape).toEqual(expected.shape);
    const largest = (values: number[]) => Math.max(...values.map(Math.abs));
    const worst = largest(actual.sub(expected).toNumbers()) / largest(expected.toNumbers());
    if (process.env.COUPLET_SHOW_ERRORS) process.stdout.write(`${worst.toExponential(1)}\n`);
    return worst;
  });
}

function imageDifference(method: Method, pixels: HostTensor, golden: HostTensor): number {
  return scope(() => noGrad(() => difference(method.encodeImages(tensorOf(pixels)), golden)));
}

function textDifference(method: Method, goldens: Goldens): number {
  return scope(() =>
    noGrad(() => difference(method.encodeTexts!(tensorOf(goldens.get('tokens')!)), goldens.get('text')!)),
  );
}

describe.each(readdirSync(FAMILIES))('%s', (family) => {
  test('gives the features of its own program', async () => {
    const goldens = await goldensOf(family);
    const from = `${FAMILIES}${family}`;
    const { method } = await startRun({ from, ...CHANGES[family] }, hasTexts(goldens) ? 'clip' : 'simclr');
    expect(imageDifference(method, goldens.get('pixels')!, goldens.get('image')!)).toBeLessThan(TOLERANCE);
    if (hasTexts(goldens)) expect(textDifference(method, goldens)).toBeLessThan(TOLERANCE);
    method.dispose();
  });
});

/** As of_side() in the script. */
function ofSide({ data, shape }: HostTensor, side: number): HostTensor {
  const [count, given] = shape as [number, number];
  const row = (picture: number, y: number) => (picture * given + (y % given)) * given;
  const out = new Uint8Array(count * side * side * 3);
  for (let picture = 0; picture < count; picture++)
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++) {
        const place = ((picture * side + y) * side + x) * 3;
        const source = (row(picture, y) + (x % given)) * 3;
        out.set(data.subarray(source, source + 3), place);
      }
  return { dtype: 'uint8', shape: [count, side, side, 3], data: out };
}

describe.each(['open-clip', 'timm-vit', 'timm-vit-reg4', 'timm-siglip', 'timm-clip'])(
  '%s for other pictures',
  async (family) => {
    const goldens = await goldensOf(family);
    const sizes = [...goldens.keys()].filter((name) => name.startsWith('image.'));
    expect(sizes.length).toBeGreaterThan(1);

    test.each(sizes)('resizes positions and patches as its program: %s', async (name) => {
      const [, imageSize, patchSize] = name.split('.').map(Number) as [number, number, number];
      const model = { from: `${FAMILIES}${family}`, image: { imageSize, patchSize } };
      const { method, told } = await startRun(model, hasTexts(goldens) ? 'clip' : 'simclr');
      const pixels = ofSide(goldens.get('pixels')!, imageSize);
      expect(imageDifference(method, pixels, goldens.get(name)!)).toBeLessThan(TOLERANCE);
      if (imageSize / patchSize !== 4)
        expect(told.join()).toContain(`positions are resized from 4 x 4 to ${imageSize / patchSize} x`);
      if (patchSize !== 8)
        expect(told.join()).toContain('the patch projection is resized from 8 to 16 pixels');
      method.dispose();
    });
  },
);

test('texts that are cut after the longest give the same features where they are read at the last position', async () => {
  const goldens = await goldensOf('open-clip-siglip2');
  const { method } = await startRun(
    { from: `${FAMILIES}open-clip-siglip2`, ...CHANGES['open-clip-siglip2'] },
    'clip',
  );
  const { data, shape } = goldens.get('tokens')!;
  const [, length] = shape as [number, number];
  const tokens = new Int32Array(data.buffer, data.byteOffset, 2 * length); // of 3 and 5 ids
  const text = goldens.get('text')!;
  const firstTwo = {
    ...text,
    shape: [2, text.shape[1]!],
    data: text.data.subarray(0, 2 * 4 * text.shape[1]!),
  };
  scope(() =>
    noGrad(() => {
      const cut = tokensToDevice(tokens, 2, 'cpu');
      expect(cut.shape).toEqual([2, 5]);
      expect(difference(method.encodeTexts!(cut), firstTwo)).toBeLessThan(TOLERANCE);
    }),
  );
  method.dispose();
});

/** Bytes of all tensors. */
const bytesOf = (method: Method) =>
  new Map(
    [...method.model].map(([name, tensor]) => [name, Buffer.from(tensor.toArray().buffer).toString('hex')]),
  );

describe('the same weights in another form give the same tensors', () => {
  const from = `${FAMILIES}timm-vit`;
  const read = async () => (await readSafetensors(`${from}/model.safetensors`)).tensors;
  const folderWith = (files: string[]) => {
    const folder = temporaryFolder();
    for (const file of files) copyFileSync(`${from}/${file}`, join(folder, file));
    return folder;
  };
  const started = async (path: string) => {
    const { method, told } = await startRun({ from: path }, 'simclr');
    const bytes = bytesOf(method);
    method.dispose();
    return { bytes, told: told.join() };
  };

  test.each(['float16', 'bfloat16', 'float64'] as const)('%s', async (dtype) => {
    const [folder, rounded] = [folderWith(['config.json']), folderWith(['config.json'])];
    const as = (tensor: HostTensor, type: typeof dtype | 'float32') =>
      scope(() => {
        const { data } = onHost(new Map([['', tensorOf(tensor).to(dtype).to(type)]])).get('')!;
        return { ...tensor, dtype: type, data };
      });
    const tensors = await read();
    const all = (type: typeof dtype | 'float32') => new Map([...tensors].map(([k, v]) => [k, as(v, type)]));
    await writeSafetensors(join(folder, 'model.safetensors'), all(dtype));
    await writeSafetensors(join(rounded, 'model.safetensors'), all('float32'));
    expect((await started(folder)).bytes).toEqual((await started(rounded)).bytes);
  });

  test('in shards', async () => {
    const folder = folderWith(['config.json']);
    const tensors = [...(await read())];
    const shards = [tensors.slice(0, 7), tensors.slice(7)].map(
      (part, i) => [`model-0000${i + 1}-of-00002.safetensors`, new Map(part)] as const,
    );
    for (const [file, part] of shards) await writeSafetensors(join(folder, file), part);
    const map = Object.fromEntries(shards.flatMap(([file, part]) => [...part.keys()].map((k) => [k, file])));
    writeFileSync(
      join(folder, 'model.safetensors.index.json'),
      JSON.stringify({ metadata: {}, weight_map: map }),
    );
    expect((await started(folder)).bytes).toEqual((await started(from)).bytes);
  });

  test.each([
    ['module.base_encoder.', 'module.momentum_encoder.'],
    ['teacher.backbone.', 'student.backbone.'],
    ['backbone.', undefined],
    ['module.', undefined],
  ])('below %s', async (prefix, other) => {
    const folder = folderWith(['config.json']);
    const named = (given: string) => [...tensors].map(([name, tensor]) => [given + name, tensor] as const);
    const tensors = await read();
    const head = { dtype: 'float32', shape: [1], data: new Uint8Array(4) } as const;
    const all = new Map([...named(prefix), ...(other ? named(other) : []), [`${prefix}head.weight`, head]]);
    await writeSafetensors(join(folder, 'model.safetensors'), all);
    const { bytes, told } = await started(folder);
    expect(bytes).toEqual((await started(from)).bytes);
    expect(told).toContain('a classifier is left out (1 tensor)');
    if (other) expect(told).toContain(`other nets of the method is left out (${tensors.size} tensors)`);
  });
});

describe('one tower from a file', () => {
  const text = { contextLength: 6, vocabSize: 49_408, width: 16, heads: 2, layers: 1 };

  test("model.image.from: open_clip's image tower beside a text tower of one's own", async () => {
    const goldens = await goldensOf('open-clip');
    const image = { from: `${FAMILIES}open-clip` };
    const { method, told } = await startRun({ embedDim: 12, image, text }, 'clip');
    expect(imageDifference(method, goldens.get('pixels')!, goldens.get('image')!)).toBeLessThan(TOLERANCE);
    expect(told.join()).toMatch(/\d+ tensors of parts that this model has not are left out/);
    method.dispose();
  });

  test('without a projection of the same width in the file, it starts at random', async () => {
    const { method, told } = await startRun(
      { embedDim: 8, image: { from: `${FAMILIES}timm-vit` }, text },
      'clip',
    );
    const { tensors } = await readSafetensors(`${FAMILIES}timm-vit/model.safetensors`);
    const stored = tensors.get('blocks.1.attn.qkv.weight')!;
    expect(method.model.get('visual.transformer.resblocks.1.attn.in_proj_weight')!.toNumbers()).toEqual(
      scope(() => tensorOf(stored).toNumbers()),
    );
    expect(method.model.get('visual.proj')!.shape).toEqual([24, 8]);
    expect(told.join()).toContain("of this run's own start as they would without weights");
    method.dispose();
  });

  test('model.text.from: a text tower beside an image tower of one file each', async () => {
    const goldens = await goldensOf('hf-clip-gelu');
    const { method } = await startRun(
      {
        embedDim: 12,
        image: { from: `${FAMILIES}timm-vit` },
        text: { from: `${FAMILIES}hf-clip-gelu` },
      },
      'clip',
    );
    expect(textDifference(method, goldens)).toBeLessThan(TOLERANCE);
    method.dispose();
  });
});

// Weights made by open_clip, transformers and timm give their features: families/NAME/ by make-family-goldens.py.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parseConfig, type RunConfigInput } from '../../src/config/index.ts';
import type { HostTensor } from '../../src/io/host-tensor.ts';
import { readSafetensors } from '../../src/io/safetensors.ts';
import type { Method } from '../../src/methods/index.ts';
import { alone } from '../../src/ranks/index.ts';
import { createMethod } from '../../src/run/build.ts';
import { resolveConfig } from '../../src/run/resolve.ts';
import { startFromWeights } from '../../src/run/weights.ts';
import { noGrad, scope, type Tensor, tensorFromBits } from '../../src/torch/index.ts';

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

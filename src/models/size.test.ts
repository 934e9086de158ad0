import { expect, test } from 'vitest';
import { CoupletError } from '../errors.ts';
import { Clip } from './clip.ts';
import { modelSpec } from './registry.ts';
import { leastParameters, refuseHugeModel } from './size.ts';

const resnet = {
  embedDim: 64,
  image: { type: 'resnet', imageSize: 64, layers: [2, 1, 1, 1], width: 8, heads: 4 },
  text: { contextLength: 8, vocabSize: 100, width: 32, heads: 2, layers: 1 },
} as const;

test.each([
  ['a ViT', modelSpec('tiny')],
  ['a ResNet', { ...resnet, image: { ...resnet.image, layers: [...resnet.image.layers] as never } }],
])('%s: the bound is just below the count of its parameters', (_, spec) => {
  const clip = new Clip(spec, { seed: 0 });
  const count = [...clip.namedParameters().values()].reduce(
    (sum, { shape }) => sum + shape.reduce((a: number, b: number) => a * b, 1),
    0,
  );
  clip.dispose();
  expect(leastParameters(spec)).toBeLessThanOrEqual(count);
  expect(leastParameters(spec)).toBeGreaterThan(0.6 * count);
});

test('a model beyond the memory is refused before it is made', () => {
  const spec = modelSpec('ViT-B-16');
  refuseHugeModel(spec, 4, 4e9);
  const huge = { ...spec, image: { ...spec.image, layers: 1000, width: 65_536 } } as typeof spec;
  expect(() => refuseHugeModel(huge, 4)).toThrow(CoupletError);
  expect(() => refuseHugeModel(huge, 4, 2 ** 34)).toThrow(
    /model has at least 5\.15e\+13 parameters, .* has 16\.0 GiB/,
  );
});

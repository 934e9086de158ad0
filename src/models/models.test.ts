import { describe, expect, test } from 'vitest';
import { Init } from '../nn/init.ts';
import { Generator, randn, scope, tensor } from '../torch/index.ts';
import { Clip } from './clip.ts';
import { OPEN_CLIP_VIT, TIMM_VIT, VisionTransformer, type VitSpec } from './vit.ts';

const IMAGE: VitSpec = {
  imageSize: 12,
  patchSize: 4,
  width: 8,
  layers: 2,
  heads: 2,
  mlpRatio: 2,
  pool: 'class',
  positionEmbedding: 'learned',
};
const TEXT = { contextLength: 6, vocabSize: 20, width: 8, heads: 2, layers: 2 };
const clip = () => new Clip({ embedDim: 4, image: IMAGE, text: TEXT }, { seed: 1, dtype: 'float64' });

describe('text tower', () => {
  const features = (...rows: number[][]) =>
    scope(() => {
      const model = clip();
      const out = model
        .encodeText(tensor(Int32Array.from(rows.flat()), [rows.length, rows[0].length]))
        .toNumbers();
      model.dispose();
      return out;
    });

  test('what stands after the end token, the largest id, does not matter; what stands before does', () => {
    const text = features([18, 3, 4, 19, 0, 0]);
    expect(features([18, 3, 4, 19, 7, 5])).toEqual(text);
    expect(features([18, 4, 3, 19, 0, 0])).not.toEqual(text); // order
    expect(features([18, 3, 19, 0, 0, 0])).not.toEqual(text);
  });

  test('a row does not depend on the others', () => {
    const [first, second] = [
      [18, 3, 4, 19, 0, 0],
      [18, 1, 1, 1, 1, 19],
    ];
    features(first, second).forEach((value, k) => {
      expect(value).toBeCloseTo([...features(first), ...features(second)][k], 12);
    });
  });
});

describe('image tower', () => {
  test('sees every patch and where it is; mean pooling leaves out the class token', () => {
    scope(() => {
      const image = randn([1, 3, 12, 12], new Generator('cpu', 1), 'float64');
      for (const [pool, style] of [
        ['class', OPEN_CLIP_VIT],
        ['mean', TIMM_VIT],
      ] as const) {
        const vit = new VisionTransformer(new Init({ seed: 1, dtype: 'float64' }), { ...IMAGE, pool }, style);
        const out = vit.forward(image).toNumbers();
        expect(out).toHaveLength(IMAGE.width);
        for (const [row, column] of [
          [0, 0],
          [8, 4],
          [11, 11],
        ]) {
          const changed = image.clone();
          changed.narrow(2, row, 1).narrow(3, column, 1).add_(1);
          expect(vit.forward(changed).toNumbers()).not.toEqual(out);
        }
        const swapped = image.narrow(2, 4, 4);
        const shuffled = image.clone();
        shuffled.narrow(2, 0, 4).copy_(swapped);
        shuffled.narrow(2, 4, 4).copy_(image.narrow(2, 0, 4));
        expect(vit.forward(shuffled).toNumbers()).not.toEqual(out); // two rows of patches changed places
        vit.dispose();
      }
    });
  });

  test('fixed positions have no gradient, but are in the checkpoint', () => {
    const vit = new VisionTransformer(
      new Init({ seed: 1 }),
      { ...IMAGE, positionEmbedding: 'sincos' },
      TIMM_VIT,
    );
    const params = vit.namedParameters();
    expect(params.get('pos_embed')!.requiresGrad).toBe(false);
    expect(params.get('pos_embed')!.shape).toEqual([1, 10, 8]);
    expect(params.get('cls_token')!.requiresGrad).toBe(true);
    vit.dispose();
  });

  test('a patch that does not divide the image is refused', () => {
    expect(() => new VisionTransformer(new Init({ seed: 1 }), { ...IMAGE, patchSize: 5 }, TIMM_VIT)).toThrow(
      /patch size 5 does not divide image size 12/,
    );
  });
});

test('the temperature starts where it should', () => {
  const warm = new Clip({ embedDim: 4, image: IMAGE, text: TEXT }, { seed: 1, temperature: 0.2 });
  expect(warm.logLogitScale.item()).toBeCloseTo(Math.log(5), 6);
  warm.dispose();
  const usual = clip();
  expect(usual.logLogitScale.item()).toBeCloseTo(Math.log(1 / 0.07), 12);
  usual.dispose();
});

// Gradients of what the families of weights add to a ViT and a text tower, by finite differences in float64.
import { describe, expect, test } from 'vitest';
import { Init } from '../nn/init.ts';
import type { NamedParams } from '../nn/module.ts';
import { backward, Generator, gradsOf, noGrad, randn, scope, type Tensor, tensor } from '../torch/index.ts';
import { TextTransformer } from './text.ts';
import { TIMM_VIT, VisionTransformer, type VitSpec } from './vit.ts';

const BASE: VitSpec = {
  imageSize: 4,
  patchSize: 2,
  width: 8,
  layers: 2,
  heads: 2,
  mlpRatio: 2,
  pool: 'class',
  positionEmbedding: 'learned',
};

const generator = new Generator('cpu', 3);
const noise = (shape: readonly number[]) => randn(shape, generator, 'float64');

/** Along a random direction of each parameter, (L(p + h d) - L(p - h d)) / 2 h against gradient · d. */
function check(params: NamedParams, loss: () => Tensor, names: RegExp): void {
  const STEP = 1e-4;
  noGrad(() => {
    for (const parameter of params.values()) parameter.add_(noise(parameter.shape).mul(0.3));
  });
  backward(loss());
  const grads = gradsOf([...params.values()]);
  let seen = 0;
  [...params].forEach(([name, parameter], i) => {
    if (names.test(name)) seen++;
    const direction = noise(parameter.shape);
    const along = noGrad(() => grads[i]!.mul(direction).sum().item());
    const at = (step: number) =>
      noGrad(() => {
        parameter.add_(direction.mul(step));
        const value = loss().item();
        parameter.add_(direction.mul(-step));
        return value;
      });
    const numeric = (at(STEP) - at(-STEP)) / (2 * STEP);
    // The central difference is off by about h^2 times a third derivative.
    expect(Math.abs(numeric - along) / Math.max(1, Math.abs(along)), name).toBeLessThan(1e-5);
    expect(Math.abs(along), name).toBeGreaterThan(1e-6);
  });
  expect(seen).toBeGreaterThan(0);
}

describe('image tower', () => {
  test.each<[string, Partial<VitSpec>, RegExp]>([
    ['QuickGELU', { activation: 'quick-gelu' }, /mlp/],
    ["GELU's tanh form", { activation: 'gelu-tanh' }, /mlp/],
    ['LayerScale', { layerScale: true }, /ls[12]\.gamma$/],
    ['registers', { registers: 3 }, /^reg_token$/],
    ['registers, no class token', { registers: 2, classToken: false, pool: 'mean' }, /^reg_token$/],
    ['attention pooling', { pool: 'attention', classToken: false }, /^attn_pool\./],
    [
      'all of it',
      { pool: 'attention', registers: 2, layerScale: true, preNorm: true },
      /^(attn_pool|norm_pre)\./,
    ],
  ])('%s', (_, part, names) => {
    scope(() => {
      const vit = new VisionTransformer(
        new Init({ seed: 1, dtype: 'float64' }),
        { ...BASE, ...part },
        TIMM_VIT,
      );
      const images = noise([2, 3, 4, 4]);
      const weights = noise([2, 8]);
      check(vit.namedParameters(), () => vit.forward(images).mul(weights).sum(), names);
      vit.dispose();
    });
  });
});

test('text tower: both directions, read at the last position, a bias of the projection', () => {
  scope(() => {
    const spec = {
      contextLength: 5,
      vocabSize: 7,
      width: 8,
      heads: 2,
      layers: 2,
      causal: false,
      pool: 'last' as const,
      projectionBias: true,
      activation: 'gelu-tanh' as const,
      padId: 6,
    };
    const text = new TextTransformer(new Init({ seed: 1, dtype: 'float64' }), spec, 4);
    const tokens = tensor(Int32Array.from([0, 1, 2, 3, 4, 5]), [2, 3]);
    const weights = noise([2, 4]);
    check(text.namedParameters(), () => text.forward(tokens).mul(weights).sum(), /^text_projection_bias$/);
    text.dispose();
  });
});

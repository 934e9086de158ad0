import { describe, expect, test } from 'vitest';
import { error } from '../../tests/contract/numbers.ts';
import { Init } from '../nn/init.ts';
import { sinCosPositions } from '../nn/position.ts';
import { scope, type Tensor, zeros } from '../torch/index.ts';
import { DINO_VIT, MOCO_V3_VIT, VisionTransformer, type VitSpec, type VitStyle } from './vit.ts';

const SPEC: VitSpec = {
  imageSize: 12,
  patchSize: 3,
  width: 64,
  layers: 2,
  heads: 4,
  mlpRatio: 2,
  pool: 'class',
  positionEmbedding: 'learned',
};

function withVit<T>(over: Partial<VitSpec>, body: (vit: VisionTransformer) => T, style: VitStyle): T {
  return scope(() => {
    const vit = new VisionTransformer(new Init({ seed: 1, dtype: 'float64' }), { ...SPEC, ...over }, style);
    try {
      return body(vit);
    } finally {
      vit.dispose();
    }
  });
}

describe('how weights start', () => {
  const stats = (tensor: Tensor) => {
    const values = tensor.toNumbers();
    return {
      most: Math.max(...values.map(Math.abs)),
      std: Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length),
    };
  };

  test("MoCo v3: Xavier with q, k and v apart, zero biases, a frozen patch projection, timm's names", () => {
    withVit(
      { positionEmbedding: 'sincos' },
      (vit) => {
        const params = vit.namedParameters();
        const bounds: Record<string, number> = {
          'patch_embed.proj.weight': Math.sqrt(6 / (3 * 9 + 64)),
          'blocks.1.attn.qkv.weight': Math.sqrt(6 / (64 + 64)),
          'blocks.0.attn.proj.weight': Math.sqrt(6 / (64 + 64)),
          'blocks.0.mlp.fc1.weight': Math.sqrt(6 / (64 + 128)),
          'blocks.1.mlp.fc2.weight': Math.sqrt(6 / (64 + 128)),
        };
        for (const [name, bound] of Object.entries(bounds)) {
          const { most, std } = stats(params.get(name)!);
          expect(most, name).toBeLessThanOrEqual(bound);
          expect(most, name).toBeGreaterThan(0.99 * bound);
          expect(std / (bound / Math.sqrt(3)), name).toBeCloseTo(1, 1);
        }
        for (const [name, tensor] of params) if (/bias$/.test(name)) expect(stats(tensor).most, name).toBe(0);
        expect(stats(params.get('cls_token')!).std / 1e-6).toBeCloseTo(1, 0);
        const frozen = [...params].filter(([, tensor]) => !tensor.requiresGrad).map(([name]) => name);
        expect(frozen).toEqual(['pos_embed', 'patch_embed.proj.weight', 'patch_embed.proj.bias']);
        // The first quarter of patch (row 2, column 1) is sin of its row.
        const place = params
          .get('pos_embed')!
          .select(1, 1 + 2 * 4 + 1)
          .toNumbers();
        expect([place[0], place[32]]).toEqual([
          expect.closeTo(Math.sin(2), 12),
          expect.closeTo(Math.sin(1), 12),
        ]);
        expect(new Set(params.get('pos_embed')!.select(1, 0).toNumbers())).toEqual(new Set([0]));
      },
      MOCO_V3_VIT,
    );
  });

  test('MoCo v3: a coarser grid has its rows first, too', () => {
    withVit(
      { positionEmbedding: 'sincos' },
      (vit) => {
        const firstSequence = (sequence: Tensor) => sequence.select(0, 0).toNumbers();
        const embedded = firstSequence(
          vit.embed(zeros([2, 3, 12, 12], { dtype: 'float64' }), { patchSize: 6 }).narrow(1, 1, 4),
        );
        const expected = sinCosPositions({ grid: 2, baseGrid: 4, width: 64, prefixTokens: 0, first: 'row' });
        expect(error(embedded, [...expected])).toBeLessThan(1e-14);
      },
      MOCO_V3_VIT,
    );
  });

  test('DINO: deviation 0.02, zero biases but in the patch projection, all trained', () => {
    withVit(
      {},
      (vit) => {
        const params = vit.namedParameters();
        for (const [name, tensor] of params) {
          if (/(qkv|proj|fc.)\.weight$|pos_embed|cls_token/.test(name) && !name.startsWith('patch'))
            expect(stats(tensor).std / 0.02, name).toBeCloseTo(1, name === 'cls_token' ? 0 : 1);
          if (/(qkv|proj|fc.|norm.?)\.bias$/.test(name) && !name.startsWith('patch'))
            expect(stats(tensor).most, name).toBe(0);
          expect(tensor.requiresGrad, name).toBe(true);
        }
        const bound = 1 / Math.sqrt(27);
        for (const part of ['weight', 'bias']) {
          const { most } = stats(params.get(`patch_embed.proj.${part}`)!);
          expect(most).toBeLessThanOrEqual(bound);
          expect(most).toBeGreaterThan(0.9 * bound);
        }
      },
      DINO_VIT,
    );
  });
});

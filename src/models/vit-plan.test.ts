// Sequence plans, and images of other sizes.
import { describe, expect, test } from 'vitest';
import { error } from '../../tests/contract/numbers.ts';
import { patchEmbed } from '../../tests/contract/patch-embed.ts';
import { patchScalingTensor, scaleKernel } from '../compress/patch-scaling.ts';
import { sequencePlan } from '../compress/sequence-plan.ts';
import { Init } from '../nn/init.ts';
import { sinCosPositions } from '../nn/position.ts';
import {
  autocast,
  backward,
  Generator,
  gradsOf,
  memoryStats,
  randn,
  scope,
  type Tensor,
  tensor,
} from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { OPEN_CLIP_VIT, TIMM_VIT, VisionTransformer, type VitSpec, type VitStyle } from './vit.ts';

const SPEC: VitSpec = {
  imageSize: 12,
  patchSize: 3,
  width: 8,
  layers: 2,
  heads: 2,
  mlpRatio: 2,
  pool: 'class',
  positionEmbedding: 'learned',
};
const OPTIONS = { seed: 1, step: 2, view: 0, rows: { first: 0, total: 2 }, count: 2, device: 'cpu' };

function withVit<T>(
  over: Partial<VitSpec>,
  body: (vit: VisionTransformer) => T,
  style: VitStyle = TIMM_VIT,
): T {
  return scope(() => {
    const vit = new VisionTransformer(new Init({ seed: 1, dtype: 'float64' }), { ...SPEC, ...over }, style);
    try {
      return body(vit);
    } finally {
      vit.dispose();
    }
  });
}

const images = (height = 12, width = height) =>
  randn([2, 3, height, width], new Generator('cpu', 2), 'float64');
const int64 = (rows: number[][]) =>
  tensor(BigInt64Array.from(rows.flat(), BigInt), [rows.length, rows[0].length]);
/** Rows of each sample: [B, N, D] at [B, K]. */
const rowsAt = (sequence: Tensor, rows: number[][]) =>
  ops.stack(rows.map((row, i) => sequence.select(0, i).indexSelect(0, int64([row]).view(-1))));

describe('tokens that stay', () => {
  const KEEP = [
    [15, 2, 7],
    [0, 9, 4],
  ];

  // @proves VisionTransformer
  test.each([OPEN_CLIP_VIT, TIMM_VIT])(
    'are the same rows of the whole sequence, places and all; so is the class token',
    (style) => {
      withVit(
        {},
        (vit) => {
          const whole = vit.embed(images());
          const kept = vit.embed(images(), { keep: int64(KEEP) });
          const expected = rowsAt(
            whole,
            KEEP.map((row) => [0, ...row.map((token) => token + 1)]),
          );
          expect(kept.toNumbers()).toEqual(expected.toNumbers());
        },
        style,
      );
    },
  );

  test('channels-last pixels, as the normaliser makes them, give the same', () => {
    withVit({}, (vit) => {
      const last = images().permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
      const plan = { keep: int64(KEEP), patchSize: 3 };
      expect(vit.embed(last, plan).toNumbers()).toEqual(vit.embed(images(), plan).toNumbers());
    });
  });

  test.each(['class', 'mean'] as const)(
    '%s pooling: all of them, in any order, are the whole image',
    (pool) => {
      withVit({ pool }, (vit) => {
        const all = Array.from({ length: 16 }, (_, i) => i);
        const keep = int64([all.toReversed(), [...all.slice(5), ...all.slice(0, 5)]]);
        expect(
          error(vit.forward(images(), { keep }).toNumbers(), vit.forward(images()).toNumbers()),
        ).toBeLessThan(1e-13);
        const few = vit.forward(images(), { keep: int64(KEEP) }).toNumbers();
        expect(error(few, vit.forward(images()).toNumbers())).toBeGreaterThan(1e-3);
      });
    },
  );

  test.each(['class', 'mean'] as const)(
    '%s pooling: what is dropped does not matter, what stays does',
    (pool) => {
      withVit({ pool }, (vit) => {
        const plan = {
          keep: int64([
            [15, 2],
            [15, 2],
          ]),
        };
        const changed = images();
        changed.narrow(2, 0, 3).narrow(3, 0, 3).add_(1); // patch 0
        expect(vit.forward(changed, plan).toNumbers()).toEqual(vit.forward(images(), plan).toNumbers());
        changed.narrow(2, 9, 3).narrow(3, 9, 3).add_(1); // patch 15
        expect(vit.forward(changed, plan).toNumbers()).not.toEqual(vit.forward(images(), plan).toNumbers());
      });
    },
  );

  // @proves VisionTransformer
  test('gradients are those of dropping after the embedding', () => {
    withVit({}, (vit) => {
      const params = [...vit.namedParameters().values()];
      const gradient = (sequence: Tensor) => {
        const [kernel, positions, classToken, bias] = [
          'patch_embed.proj.weight',
          'pos_embed',
          'cls_token',
          'patch_embed.proj.bias',
        ].map((name) => vit.namedParameters().get(name)!);
        for (const param of params) param.requireGrad(false).requireGrad();
        backward(sequence.pow(3).sum());
        return gradsOf([kernel, positions, classToken, bias]).map((grad) => {
          const numbers = grad!.toNumbers();
          grad!.zero_();
          return numbers;
        });
      };
      const rows = KEEP.map((row) => [0, ...row.map((token) => token + 1)]);
      const expected = gradient(rowsAt(vit.embed(images()), rows));
      gradient(vit.embed(images(), { keep: int64(KEEP) })).forEach((grad, i) => {
        expect(error(grad, expected[i])).toBeLessThan(1e-12);
      });
    });
  });
});

describe('larger patches', () => {
  test.each([
    ['learned', 6],
    ['sincos', 6],
    ['learned', 4],
  ] as const)(
    '%s positions, patches of %i: the resized kernel at resized places, the class token where it was',
    (positionEmbedding, q) => {
      withVit({ positionEmbedding }, (vit) => {
        const params = vit.namedParameters();
        const scaling = patchScalingTensor(3, q, 'cpu');
        const kernel = scaleKernel(params.get('patch_embed.proj.weight')!, scaling);
        const patches = patchEmbed(images(), kernel, params.get('patch_embed.proj.bias')!);
        const side = 12 / q;
        const stored = params.get('pos_embed')!;
        const grid = stored.narrow(1, 1, 16).transpose(1, 2).view(1, 8, 4, 4);
        const bicubic = ops._upsample_bicubic2d_aa(grid, [side, side], false).view(8, side * side).t;
        const sincos = tensor(sinCosPositions({ grid: side, baseGrid: 4, width: 8, prefixTokens: 0 }), [
          side * side,
          8,
        ]);
        const sequence = vit.embed(images(), { patchSize: q });
        const expected = patches.add(positionEmbedding === 'learned' ? bicubic : sincos);
        expect(error(sequence.narrow(1, 1, side * side).toNumbers(), expected.toNumbers())).toBeLessThan(
          1e-13,
        );
        expect(sequence.select(1, 0).toNumbers()).toEqual(vit.embed(images()).select(1, 0).toNumbers());
      });
    },
  );

  // @proves scaleKernel
  test('the gradient reaches kernel and positions through the resize, by a difference along itself', () => {
    withVit({}, (vit) => {
      const params = vit.namedParameters();
      const names = ['patch_embed.proj.weight', 'pos_embed', 'cls_token'];
      const leaves = names.map((name) => params.get(name)!);
      const plan = {
        patchSize: 4,
        keep: int64([
          [8, 1],
          [3, 0],
        ]),
      };
      const loss = () => vit.forward(images(), plan).pow(3).sum();
      backward(loss());
      gradsOf(leaves).forEach((grad, i) => {
        const start = leaves[i].detach().clone();
        const steepest = grad!.pow(2).sum().sqrt().item();
        const moved = (by: number) => {
          leaves[i].set_(start.add(grad!, by / steepest));
          return scope(() => loss().item());
        };
        const slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
        leaves[i].set_(start);
        expect(steepest).toBeGreaterThan(1e-3);
        expect(Math.abs(slope - steepest) / steepest, names[i]).toBeLessThan(1e-7);
      });
    });
  });

  // @proves scaleKernel
  test('tokens are dropped from the coarse grid', () => {
    withVit({}, (vit) => {
      const keep = [
        [3, 1],
        [0, 2],
      ];
      const whole = vit.embed(images(), { patchSize: 6 });
      const both = vit.embed(images(), { patchSize: 6, keep: int64(keep) });
      const expected = rowsAt(
        whole,
        keep.map((row) => [0, ...row.map((token) => token + 1)]),
      );
      expect(both.toNumbers()).toEqual(expected.toNumbers());
    });
  });

  test('under autocast the sequence is as exact as that of the stored patches', () => {
    scope(() => {
      const vit = new VisionTransformer(new Init({ seed: 1 }), SPEC, TIMM_VIT);
      const pixels = images().to('float32');
      for (const plan of [{}, { patchSize: 6 }]) {
        const exact = vit.embed(pixels, plan).toNumbers();
        const coarse = autocast({ device: 'cpu', dtype: 'bfloat16' }, () => vit.embed(pixels, plan));
        expect(error(coarse.toNumbers(), exact)).toBeLessThan(1e-2);
      }
      vit.dispose();
    });
  });
});

describe('images of other sizes', () => {
  test.each(['learned', 'sincos'] as const)('%s positions are stretched over them', (positionEmbedding) => {
    withVit({ positionEmbedding }, (vit) => {
      expect(vit.forward(images(6)).shape).toEqual([2, 8]); // a local crop
      expect(vit.embed(images(6, 15)).shape).toEqual([2, 1 + 10, 8]);
      // The same positions as for coarser patches of the whole.
      const small = vit.embed(images(6).mul(0));
      const scaled = vit.embed(images().mul(0), { patchSize: 6 });
      expect(error(small.toNumbers(), scaled.toNumbers())).toBeLessThan(1e-14);
    });
  });

  test('a side that the patch does not divide is refused', () => {
    withVit({}, (vit) => {
      expect(() => vit.forward(images(12, 13))).toThrow(/12 x 13 pixels cannot be cut into patches of 3/);
      expect(() => vit.forward(images(), { patchSize: 5 })).toThrow(
        /patches of 5: use a patch size that divides both/,
      );
    });
  });
});

test('a plan from a compression; what is whole needs none', () => {
  scope(() => {
    const options = { ...OPTIONS, imageSize: 12, patchSize: 3 };
    expect(sequencePlan(options)).toEqual({});
    expect(sequencePlan({ ...options, compression: { tokenDropout: 0, patchSize: 3 } })).toEqual({});
    const compression = { tokenDropout: 0.5, patchSize: 6 };
    const both = sequencePlan({ ...options, compression });
    expect([both.patchSize, both.keep!.shape]).toEqual([6, [2, 2]]);
    expect(sequencePlan({ ...options, compression, dropTokens: false })).toEqual({ patchSize: 6 });
    const fine = sequencePlan({ ...options, compression, scalePatches: false });
    expect([fine.patchSize, fine.keep!.shape]).toEqual([undefined, [2, 8]]);
    expect(sequencePlan({ ...options, compression, scalePatches: false, dropTokens: false })).toEqual({});
    expect(() => sequencePlan({ ...options, compression: { tokenDropout: 0, patchSize: 5 } })).toThrow(
      /use one of 3, 4, 6/,
    );
    const again = sequencePlan({ ...options, compression }).keep!.toNumbers();
    expect(again).toEqual(both.keep!.toNumbers());
  });
});

describe('stochastic depth', () => {
  // @proves dropPathScales
  test('a branch times its scale: by hand', () => {
    withVit({}, (vit) => {
      const ones = ops.ones([2, 2, 2], 'float32');
      const whole = vit.forward(images()).toNumbers();
      expect(vit.forward(images(), { pathScales: ones }).toNumbers()).toEqual(whole);
      // Without branches only the norm changes the class token.
      const none = vit.forward(images(), { pathScales: ones.mul(0) }).toNumbers();
      const classToken = vit.embed(images()).select(1, 0);
      const centred = classToken.sub(classToken.mean(1, true));
      const expected = centred.div(centred.pow(2).mean(1, true).add(1e-6).sqrt());
      expect(error(none, expected.toNumbers())).toBeLessThan(1e-12);
      // Samples are independent.
      const scales = ones.clone();
      scales.narrow(2, 1, 1).mul_(0);
      const mixed = vit.forward(images(), { pathScales: scales }).toNumbers();
      expect(mixed.slice(0, 8)).toEqual(whole.slice(0, 8));
      expect(error(mixed.slice(8), none.slice(8))).toBeLessThan(1e-13);
    });
  });

  test('comes with the plan', () => {
    scope(() => {
      const plan = sequencePlan({
        ...OPTIONS,
        imageSize: 12,
        patchSize: 3,
        dropPath: { rate: 0.1, layers: 4 },
      });
      expect(plan.pathScales!.shape).toEqual([4, 2, 2]);
      expect(plan.keep).toBeUndefined();
      expect(
        sequencePlan({ ...OPTIONS, imageSize: 12, patchSize: 3, dropPath: { rate: 0, layers: 4 } }),
      ).toEqual({});
    });
  });
});

test('matrices of other grids are made once and go with the model', () => {
  const before = memoryStats().liveTensors;
  const vit = new VisionTransformer(new Init({ seed: 1 }), SPEC, TIMM_VIT);
  const forward = () => scope(() => vit.forward(images().to('float32'), { patchSize: 6 }).toNumbers());
  forward();
  const live = memoryStats().liveTensors;
  forward();
  expect(memoryStats().liveTensors).toBe(live);
  vit.dispose();
  expect(memoryStats().liveTensors).toBe(before);
});

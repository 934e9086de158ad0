import { describe, expect, test } from 'vitest';
import { clipLoss } from '../../src/losses/clip.ts';
import { Clip, type ClipSpec } from '../../src/models/clip.ts';
import { TIMM_VIT, VisionTransformer, type VitSpec } from '../../src/models/vit.ts';
import { Init } from '../../src/nn/init.ts';
import type { NamedParams } from '../../src/nn/module.ts';
import { backward, scope, type Tensor } from '../../src/torch/index.ts';
import { error, Golden, type Precision, TOLERANCE, worst } from './golden.ts';

const OPEN_CLIP: ClipSpec = {
  embedDim: 8,
  image: {
    imageSize: 12,
    patchSize: 4,
    width: 16,
    layers: 2,
    heads: 2,
    mlpRatio: 4,
    pool: 'class',
    positionEmbedding: 'learned',
  },
  text: { contextLength: 7, vocabSize: 24, width: 16, heads: 2, layers: 2 },
};

const PRECISIONS: Precision[] = ['float64', 'float32'];

/** Names, outputs and gradients against the golden; returns nothing, because what matters is asserted. */
function compare(golden: Golden, params: NamedParams, outputs: Record<string, Tensor>, dtype: Precision) {
  const errors = golden.errors(params, outputs);
  expect(errors.size).toBe(golden.names('grad.').length + Object.keys(outputs).length);
  const { name, error } = worst(errors);
  if (process.env.COUPLET_SHOW_ERRORS)
    process.stdout.write(`${dtype}: ${error.toExponential(1)} at ${name}\n`);
  expect(error, name).toBeLessThan(TOLERANCE[dtype]);
}

describe.each(PRECISIONS)("open_clip's CLIP in %s", (dtype) => {
  test('both towers through the mini-batch loss', async () => {
    const golden = await Golden.read('open-clip');
    scope(() => {
      const clip = new Clip(OPEN_CLIP, { seed: 0, dtype });
      const params = clip.namedParameters();
      expect([...params.keys()].sort()).toEqual(golden.names('weight.'));
      golden.load(params);
      const image = clip.encodeImage(golden.tensor('in.images', dtype));
      const text = clip.encodeText(golden.tensor('in.tokens'));
      const loss = clipLoss(image, text, { logitScale: clip.logLogitScale.exp() });
      backward(loss);
      compare(golden, params, { image, text, loss }, dtype);
      clip.dispose();
    });
  });

  test('texts cut after the longest give the same features', async () => {
    const golden = await Golden.read('open-clip');
    scope(() => {
      const clip = new Clip(OPEN_CLIP, { seed: 0, dtype });
      golden.load(clip.namedParameters());
      const tokens = golden.tensor('in.tokens').narrow(0, 0, 2).narrow(1, 0, 4); // [22 3 5 23], [22 7 23 0]
      const expected = golden.values('out.text').numbers.subarray(0, 2 * OPEN_CLIP.embedDim);
      expect(error(clip.encodeText(tokens).toNumbers(), expected)).toBeLessThan(TOLERANCE[dtype]);
      clip.dispose();
    });
  });

  // @proves sinCosPositions
  test('image tower with mean pooling and sine-cosine positions', async () => {
    const golden = await Golden.read('open-clip-visual-mean-sincos');
    const image: VitSpec = { ...OPEN_CLIP.image, pool: 'mean', positionEmbedding: 'sincos' };
    scope(() => {
      const clip = new Clip({ ...OPEN_CLIP, image }, { seed: 0, dtype });
      const params: NamedParams = new Map(
        [...clip.namedParameters()]
          .filter(([name]) => name.startsWith('visual.'))
          .map(([name, param]) => [name.slice('visual.'.length), param]),
      );
      expect([...params.keys()].sort()).toEqual(golden.names('weight.'));
      const positions = params.get('positional_embedding')!;
      expect(error(positions.toNumbers(), golden.values('weight.positional_embedding').numbers)).toBeLessThan(
        1e-7,
      );
      golden.load(params);
      const features = clip.encodeImage(golden.tensor('in.images', dtype));
      const loss = features.mul(golden.tensor('in.seed', dtype)).sum();
      backward(loss);
      compare(golden, params, { image: features, loss }, dtype);
      clip.dispose();
    });
  });
});

describe.each(PRECISIONS)("timm's ViT in %s", (dtype) => {
  test.each([
    { pool: 'class', positionEmbedding: 'learned' },
    { pool: 'mean', positionEmbedding: 'sincos' },
  ] as const)('$pool pooling, $positionEmbedding positions', async ({ pool, positionEmbedding }) => {
    const golden = await Golden.read(`timm-vit-${pool}-${positionEmbedding}`);
    const spec: VitSpec = {
      imageSize: 16,
      patchSize: 8,
      width: 16,
      layers: 2,
      heads: 4,
      mlpRatio: 2,
      pool,
      positionEmbedding,
    };
    scope(() => {
      const vit = new VisionTransformer(new Init({ seed: 0, dtype }), spec, TIMM_VIT);
      const params = vit.namedParameters();
      expect([...params.keys()].sort()).toEqual(golden.names('weight.'));
      if (positionEmbedding === 'sincos') {
        const table = params.get('pos_embed')!.toNumbers();
        expect(error(table, golden.values('weight.pos_embed').numbers)).toBeLessThan(1e-7);
      }
      golden.load(params);
      const image = vit.forward(golden.tensor('in.images', dtype));
      const loss = image.mul(golden.tensor('in.seed', dtype)).sum();
      backward(loss);
      compare(golden, params, { image, loss }, dtype);
      vit.dispose();
    });
  });
});

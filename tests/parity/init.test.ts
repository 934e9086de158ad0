import { expect, test } from 'vitest';
import { Clip } from '../../src/models/clip.ts';
import { scope } from '../../src/torch/index.ts';
import { readJson } from './golden.ts';

const golden = readJson<Record<string, { shape: number[]; mean: number; std: number; kurtosis: number }>>(
  'open-clip-init.golden.json',
);

test('initial weights spread as open_clip spreads them', () => {
  scope(() => {
    const clip = new Clip(
      {
        embedDim: 48,
        image: {
          imageSize: 32,
          patchSize: 8,
          width: 64,
          layers: 2,
          heads: 4,
          mlpRatio: 4,
          pool: 'class',
          positionEmbedding: 'learned',
        },
        text: { contextLength: 20, vocabSize: 200, width: 64, heads: 4, layers: 2 },
      },
      { seed: 7 },
    );
    const params = clip.namedParameters();
    expect([...params.keys()].sort()).toEqual(Object.keys(golden).sort());
    for (const [name, param] of params) {
      const expected = golden[name];
      expect([...param.shape], name).toEqual(expected.shape);
      const values = param.toNumbers();
      const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
      const std = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
      // Two samples of n numbers: their deviations differ by about std / sqrt(n); six times that is never by chance.
      const slack = (6 * Math.max(expected.std, 1e-12)) / Math.sqrt(values.length);
      expect(Math.abs(std - expected.std), `${name} std ${std}, open_clip's ${expected.std}`).toBeLessThan(
        slack,
      );
      expect(Math.abs(mean - expected.mean), `${name} mean`).toBeLessThan(1.5 * slack);
      if (values.length < 1000 || std === 0) continue;
      const kurtosis = values.reduce((sum, v) => sum + ((v - mean) / std) ** 4, 0) / values.length;
      expect(Math.abs(kurtosis - expected.kurtosis), `${name}: uniform or normal`).toBeLessThan(0.7);
    }
    clip.dispose();
  });
});

import { describe, expect, test } from 'vitest';
import { parseConfig, type RunConfigInput } from '../config/index.ts';
import { methods } from '../methods/index.ts';
import { type AnyModelSpec, modelSpec } from '../models/registry.ts';
import { resolveConfig } from '../run/resolve.ts';
import { candidatesOf } from './candidates.ts';

const image = { imageSize: 24, patchSize: 4, width: 32, layers: 1, heads: 2 };
const text = { contextLength: 16, width: 32, heads: 2, layers: 1, vocabSize: 520 };
const configWith = (online: object, { name = 'moco-v3', ...sizes }: Record<string, unknown> = {}) =>
  parseConfig({
    model: { embedDim: 32, image: { ...image, ...sizes }, text },
    method: { name },
    data: { train: { type: 'folder', path: 'photos', labelled: false } },
    batch: { globalBatchSize: 16 },
    duration: { epochs: 100 },
    compression: { online },
  } as RunConfigInput);
const candidates = (...given: Parameters<typeof configWith>) => {
  const config = configWith(...given);
  return candidatesOf(config.compression!.online!, {
    method: config.method,
    model: modelSpec(config.model as AnyModelSpec),
  });
};
const names = (...given: Parameters<typeof configWith>) =>
  candidates(...given).map(({ tokenDropout, patchSize }) => `${tokenDropout} ${patchSize}`);

test.each(Object.keys(methods))('%s: the whole sequence comes first and is the dearest', (name) => {
  const [whole, ...others] = candidates({}, { name });
  expect(whole).toMatchObject({ tokenDropout: 0, patchSize: 4, sequenceLength: 37 });
  expect(others).toHaveLength(4 * 3 - 1); // patches of 4, 6 and 8
  for (const { cost } of others) expect(cost).toBeLessThan(whole.cost);
});

describe('the grid', () => {
  test('has the whole sequence also where it was not asked for', () => {
    expect(names({ tokenDropout: [0.5], patchSize: [8] })).toEqual(['0 4', '0.5 8']);
    expect(names({ tokenDropout: [0.5] })).toEqual(['0 4', '0.5 4', '0.5 6', '0.5 8']);
  });

  test('leaves out pairs without a token; a value that never fits is refused', () => {
    const small = { imageSize: 8, patchSize: 2 }; // 16 patches, 4 of side 4
    expect(names({ tokenDropout: [0, 0.9], patchSize: [2, 4] }, small)).toEqual(['0 2', '0 4', '0.9 2']);
    expect(() => names({ tokenDropout: [0.95] }, small)).toThrow(
      /compression\.online\.tokenDropout is 0\.95, which leaves none of the 16 patches/,
    );
    expect(() => names({ tokenDropout: [0.5], patchSize: [7] })).toThrow(
      /compression\.online\.patchSize is 7, which does not divide/,
    );
  });

  test('is the same again from the config that a run saves', () => {
    for (const [online, more] of [
      [{}, {}],
      [{ tokenDropout: [0.5] }, {}],
      [{}, { imageSize: 8, patchSize: 2 }],
      [{ patchSize: [8] }, {}],
    ] as const) {
      const config = configWith(online, more);
      const saved = resolveConfig(config).config;
      expect(saved.compression!.online!.overhead).toBe(0.03);
      expect(names(saved.compression!.online!, more)).toEqual(names(online, more));
      expect(resolveConfig(saved).config).toEqual(saved);
    }
  });
});

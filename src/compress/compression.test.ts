import { describe, expect, test } from 'vitest';
import { CoupletError } from '../errors.ts';
import {
  checkCompression,
  keptTokens,
  noCompression,
  patchSizesThatFit,
  sequenceLength,
} from './compression.ts';

describe('the length rule', () => {
  test('197, 148, 99, 50 and 20 tokens at 196 patches, the lengths that the paper names', () => {
    const lengths = [0, 0.25, 0.5, 0.75, 0.9].map((tokenDropout) =>
      sequenceLength(224, { patchSize: 16, tokenDropout }),
    );
    expect(lengths).toEqual([197, 148, 99, 50, 20]);
  });

  test('is exact where (1 - d) N is whole, for all hundredths and counts up to 1,024', () => {
    for (let percent = 0; percent < 100; percent++)
      for (let patches = 1; patches <= 1024; patches++) {
        const kept = Math.floor(((100 - percent) * patches) / 100);
        if (keptTokens(patches, percent / 100) !== kept)
          expect(keptTokens(patches, percent / 100), `${percent} % of ${patches}`).toBe(kept);
      }
    expect((1 - 0.9) * 100).toBeLessThan(10); // what the rule guards against
  });

  test('patch scaling first, then dropout', () => {
    expect(sequenceLength(240, { patchSize: 30, tokenDropout: 0.5 })).toBe(1 + 32);
    expect(sequenceLength(240, noCompression(16))).toBe(226);
  });
});

describe('checkCompression', () => {
  const check = (tokenDropout: number, patchSize: number) => () =>
    checkCompression({ tokenDropout, patchSize }, { imageSize: 32, name: 'compression.stages.1' });

  test('takes what fits', () => {
    for (const patchSize of patchSizesThatFit(32)) expect(check(0.5, patchSize)).not.toThrow();
    expect(check(0, 32)).not.toThrow(); // one patch
  });

  test('a patch that does not divide the image: the sizes that fit', () => {
    expect(patchSizesThatFit(240)).toEqual([
      1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 16, 20, 24, 30, 40, 48, 60, 80, 120,
    ]);
    expect(check(0, 5)).toThrow(CoupletError);
    expect(check(0, 5)).toThrow(
      'compression.stages.1.patchSize is 5, which does not divide images of 32 pixels: use one of 1, 2, 4, 8, 16, or another imageSize.',
    );
    for (const odd of [0, -4, 4.5, Number.NaN]) expect(check(0, odd)).toThrow(/does not divide/);
  });

  test('a dropout that leaves no token, and what would', () => {
    expect(check(0.8, 16)).toThrow(
      'compression.stages.1.tokenDropout is 0.8, which leaves none of the 4 patches of 16 pixels in an image of 32: use at most 0.75, or smaller patches.',
    );
    expect(check(0.75, 16)).not.toThrow();
    expect(check(0.984, 4)).not.toThrow(); // the error's advice for 64 patches
    expect(check(0.985, 4)).toThrow(/at most 0\.984/);
  });

  test('a dropout outside [0, 1)', () => {
    for (const outside of [1, 1.5, -0.1, Number.NaN])
      expect(check(outside, 4)).toThrow(/tokenDropout is .*: expected the share .* from 0 to below 1/);
  });
});

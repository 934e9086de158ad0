import { describe, expect, test } from 'vitest';
import { methods } from '../../src/methods/index.ts';
import { runRanks } from './harness.ts';

const BAR = { float64: 1e-12, float32: 1e-6 } as const;
describe.each([2, 4])('%i ranks', (count) => {
  // @proves #contrast, SyncBatchNorm, teacherDistribution
  test('are one rank: loss, gradients, weights, running statistics, moving copies and centre over three steps', async () => {
    const ended = await runRanks('ssl', count);
    for (const { code, stderr, report } of ended) {
      expect(code, stderr).toBe(0);
      const variants = Object.values(methods).filter(({ needs }) => !needs.tokens).length + 1; // one way of MoCo v3
      expect(Object.keys(report.worst)).toHaveLength(variants * 2 + 1);
      for (const [what, error] of Object.entries(report.worst as Record<string, number>)) {
        // What float32 rounds away on one rank is 2e-6 to 2e-5: batch norms and low temperatures enlarge it. Two results that are each so
        // far from the exact one may be twice that apart, and are on processors whose matrix products add up in another order.
        const single = Math.max(BAR.float32, 2 * report.rounding[what]);
        expect(error, what).toBeLessThan(what.endsWith('float64') ? BAR.float64 : single);
      }
    }
  });
});

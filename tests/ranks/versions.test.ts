import { describe, expect, test } from 'vitest';
import { runRanks } from './harness.ts';

/** float32 tables round what float64 computes, so only quantities of the first step are held to 1e-12. */
const BAR = { float32: 1e-6, float64: 1e-12 } as const;

describe.each([2, 4])('%i ranks', (count) => {
  // @proves fastClipParts, gatherSamples, individualTemperatureGradient, movedTemperatures, plainTemperatureGradient, surrogateLoss
  test('are one rank: loss, gradients, u and temperatures of every version, by both reductions', async () => {
    const ended = await runRanks('versions', count);
    for (const { code, stderr, report } of ended) {
      expect(code, stderr).toBe(0);
      expect(Object.keys(report.worst)).toHaveLength(6 * 2 * 2);
      for (const [what, error] of Object.entries(report.worst as Record<string, number>)) {
        expect(error, what).toBeLessThan(what.endsWith('float64') ? BAR.float64 : BAR.float32);
      }
    }
  });
});

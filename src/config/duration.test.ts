import { describe, expect, it } from 'vitest';
import { durationToSteps } from './duration.ts';

const context = { globalBatchSize: 64, datasetSize: 1000 };

describe('durationToSteps', () => {
  it('takes steps as they are', () => {
    expect(durationToSteps({ steps: 7 }, context)).toBe(7);
  });

  it('counts epochs over the endless stream: 3 x 1000 samples are 46.875 batches of 64', () => {
    expect(durationToSteps({ epochs: 3 }, context)).toBe(46);
  });

  it('counts whole batches of samples', () => {
    expect(durationToSteps({ samples: 64 }, context)).toBe(1);
    expect(durationToSteps({ samples: 191 }, context)).toBe(2);
  });

  it('does not lose a step to binary fractions', () => {
    for (let tenths = 1; tenths <= 100; tenths++) {
      const epochs = tenths / 10;
      expect(durationToSteps({ epochs }, { globalBatchSize: 1, datasetSize: 30 }), `${epochs}`).toBe(
        tenths * 3,
      );
    }
  });

  it('is zero for nothing', () => {
    expect(durationToSteps({ epochs: 0 }, context)).toBe(0);
  });

  it('refuses less than one step, with the least that would do', () => {
    expect(() => durationToSteps({ epochs: 0.01 }, { ...context, path: 'checkpoint.every' })).toThrow(
      'checkpoint.every is { epochs: 0.01 }, less than one step: a step is 64 of 1000 samples, so expected at least ' +
        '{ steps: 1 }, { samples: 64 } or { epochs: 0.064 }.',
    );
  });

  it('refuses a batch larger than the data', () => {
    expect(() => durationToSteps({ steps: 1 }, { globalBatchSize: 65, datasetSize: 64 })).toThrow(
      'batch.globalBatchSize is 65, more than the 64 samples of the data: expected at most 64.',
    );
  });
});

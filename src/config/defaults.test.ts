import { expect, test } from 'vitest';
import { z } from 'zod';
import { withMethodDefaults } from './defaults.ts';

const methods = {
  plain: { name: 'plain', options: z.strictObject({}) },
  own: {
    name: 'own',
    options: z.strictObject({}),
    defaults: {
      data: { crop: { scale: [0.08, 1] }, flip: true },
      optimizer: { name: 'adamw', beta2: 0.999, peakLr: 1e-3 },
      schedule: { warmup: { epochs: 40 }, shape: 'polynomial' },
    },
  },
};
const fill = (config: object) => withMethodDefaults(config, methods) as Record<string, object>;

test("a method's defaults stand where a person wrote nothing", () => {
  const config = fill({ method: { name: 'own' }, data: { train: 'x' }, optimizer: { peakLr: 1 } });
  expect(config).toEqual({
    method: { name: 'own' },
    data: { train: 'x', crop: { scale: [0.08, 1] }, flip: true },
    optimizer: { name: 'adamw', beta2: 0.999, peakLr: 1 },
    schedule: { warmup: { epochs: 40 }, shape: 'polynomial' },
  });
});

test('a run that has a name gets them too', () => {
  const { schedule, name } = fill({ name: 'run', method: { name: 'own' } }) as Record<string, unknown>;
  expect([name, schedule]).toEqual(['run', { warmup: { epochs: 40 }, shape: 'polynomial' }]);
});

test('a length in another unit takes the place of the default one', () => {
  const { schedule } = fill({ method: { name: 'own' }, schedule: { warmup: { steps: 5 } } });
  expect(schedule).toEqual({ warmup: { steps: 5 }, shape: 'polynomial' });
});

test('another update rule does not get the settings of the default one', () => {
  const { optimizer } = fill({ method: { name: 'own' }, optimizer: { name: 'sgd' } });
  expect(optimizer).toEqual({ name: 'sgd' });
});

test('a method without, and what is no config, stay as they are', () => {
  expect(fill({ method: { name: 'plain' } })).toEqual({ method: { name: 'plain' } });
  for (const odd of [3, null, { method: 3 }, {}]) expect(withMethodDefaults(odd, methods)).toBe(odd);
});

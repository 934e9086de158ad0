import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { CoupletError } from '../errors.ts';
import { compressionSchedule, compressionStages } from './schedule.ts';
import { compressionSchema } from './schema.ts';

const MODEL = { imageSize: 240, patchSize: 16 };
const schedule = (config: unknown, model = MODEL) =>
  compressionSchedule(compressionSchema.parse(config), model);
const complaints = (config: unknown) =>
  compressionSchema
    .safeParse(config)
    .error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);

describe('a constant compression', () => {
  test('is the same all along; what is left out is the model as it is', () => {
    for (const progress of [0, 0.3, 1]) {
      expect(schedule({ tokenDropout: 0.75, patchSize: 24 })(progress)).toEqual({
        tokenDropout: 0.75,
        patchSize: 24,
      });
      expect(schedule({ tokenDropout: 0.5 })(progress)).toEqual({ tokenDropout: 0.5, patchSize: 16 });
      expect(schedule({ patchSize: 48 })(progress)).toEqual({ tokenDropout: 0, patchSize: 48 });
    }
  });

  test('that does not fit the model is refused by its path', () => {
    expect(() => schedule({ patchSize: 32 })).toThrow(CoupletError);
    expect(() => schedule({ patchSize: 32 })).toThrow(
      /^compression\.patchSize is 32, .* use one of 16, 20, .*, 120/,
    );
    expect(() => schedule({ tokenDropout: 0.98, patchSize: 48 })).toThrow(
      /^compression\.tokenDropout .* none of the 25/,
    );
  });
});

describe('stages', () => {
  const stages = [
    { from: 0, tokenDropout: 0.5, patchSize: 30 },
    { from: 0.25, tokenDropout: 0.5 },
    { from: 0.7, patchSize: 24 },
    { from: 0.9 },
  ];

  // @proves compressionSchedule
  test('each holds until the next', () => {
    const at = schedule({ stages });
    const seen = [0, 0.2499, 0.25, 0.699, 0.7, 0.899, 0.9, 1].map((progress) => {
      const { tokenDropout, patchSize } = at(progress);
      return [tokenDropout, patchSize];
    });
    expect(seen).toEqual([
      [0.5, 30],
      [0.5, 30],
      [0.5, 16],
      [0.5, 16],
      [0, 24],
      [0, 24],
      [0, 16],
      [0, 16],
    ]);
  });

  // @proves compressionSchedule
  test('a sum of tenths reaches the stage that it should', () => {
    const sum = Array.from({ length: 8 }).reduce((total: number) => total + 0.1, 0);
    const at = schedule({ stages: [{ from: 0 }, { from: 0.8, patchSize: 20 }] });
    expect(sum).toBeLessThan(0.8); // 0.7999999999999999
    expect(at(sum).patchSize).toBe(20);
  });

  test('in full, for those who want the set of lengths', () => {
    const config = compressionSchema.parse({ stages });
    expect(compressionStages(config, MODEL)[1]).toEqual({ from: 0.25, tokenDropout: 0.5, patchSize: 16 });
    expect(compressionStages(compressionSchema.parse({ tokenDropout: 0.5 }), MODEL)).toEqual([
      { from: 0, tokenDropout: 0.5, patchSize: 16 },
    ]);
  });

  test('a gap, a wrong order and a stage past 1 are refused', () => {
    expect(complaints({ stages: [{ from: 0.2 }] })).toEqual([
      'stages.0.from: expected the first stage from 0, since the run has to begin with one',
    ]);
    expect(complaints({ stages: [{ from: 0 }, { from: 0.5 }, { from: 0.5 }, { from: 0.4 }] })).toEqual([
      'stages.2.from: expected more than the 0.5 of the stage before',
      'stages.3.from: expected more than the 0.5 of the stage before',
    ]);
    for (const past of [1, 1.2])
      expect(complaints({ stages: [{ from: 0 }, { from: past }] })).toEqual([
        'stages.1.from: expected a share of the budget, from 0 to below 1',
      ]);
    expect(complaints({ stages: [] })).toEqual([expect.stringMatching(/^stages: /)]);
    expect(() => schedule({ stages: [{ from: 0 }, { from: 0.5, patchSize: 7 }] })).toThrow(
      /^compression\.stages\.1\.patchSize is 7/,
    );
  });

  test('one form at a time', () => {
    const forms = 'expected tokenDropout and patchSize, or stages, or file, or online';
    for (const config of [{}, { tokenDropout: 0.5, stages }, { stages, file: 'schedule.json' }])
      expect(complaints(config)).toEqual([`: ${forms}`]);
    expect(complaints({ tokendropout: 0.5 })).toBeDefined();
    for (const outside of [1, -0.1]) expect(complaints({ tokenDropout: outside })).toBeDefined();
  });
});

describe('schedule.json', () => {
  const folder = mkdtempSync(join(tmpdir(), 'couplet-schedule-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = (name: string, content: unknown) => {
    const path = join(folder, name);
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  };
  const good = {
    version: 1,
    imageSize: 240,
    patchSize: 16,
    method: 'moco-v3',
    stages: [{ from: 0, tokenDropout: 0.75, patchSize: 30 }, { from: 0.5 }],
  };

  test('is read as stages are', () => {
    const at = schedule({ file: file('good.json', good) });
    expect([at(0.4), at(0.5)]).toEqual([
      { tokenDropout: 0.75, patchSize: 30 },
      { tokenDropout: 0, patchSize: 16 },
    ]);
  });

  test('for another image or patch: which, and what to do', () => {
    const path = file('good.json', good);
    expect(() => schedule({ file: path }, { imageSize: 240, patchSize: 8 })).toThrow(
      `${path} was made for images of 240 pixels and patches of 16, but the model has 240 and 8: make a schedule with this model, or write its stages into compression.stages yourself.`,
    );
    expect(() => schedule({ file: path }, { imageSize: 224, patchSize: 16 })).toThrow(
      /but the model has 224 and 16/,
    );
  });

  test('missing, broken, or something else', () => {
    expect(() => schedule({ file: join(folder, 'none.json') })).toThrow(
      /Cannot read .*none\.json: there is no such file.* Check the path/,
    );
    expect(() => schedule({ file: file('broken.json', '{') })).toThrow(/broken\.json is not JSON/);
    expect(() => schedule({ file: file('other.json', { name: 'x' }) })).toThrow(
      /other\.json is damaged .*version is missing: expected 1.*expected a schedule\.json, \{ version: 1, imageSize/s,
    );
    expect(() => schedule({ file: file('future.json', { ...good, version: 2 }) })).toThrow(/version: /);
    expect(() => schedule({ file: file('gap.json', { ...good, stages: [{ from: 0.1 }] }) })).toThrow(
      /stages\.0\.from: expected the first stage from 0/,
    );
    expect(() =>
      schedule({ file: file('odd.json', { ...good, stages: [{ from: 0, patchSize: 7 }] }) }),
    ).toThrow(/odd\.json: stages\.0\.patchSize is 7, which does not divide/);
  });
});

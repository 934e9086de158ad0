// The published settings of FastCLIP-v3 (fastclip.md, sections 2, 3 and 5.1): that they say what was published, and start.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Duration, durationToSteps, loadConfig } from '../../src/config/index.ts';
import { readState } from '../../src/io/checkpoint-files.ts';
import { modelSpec } from '../../src/models/registry.ts';
import { stepContextAt } from '../../src/time/clock.ts';
import { gammaSchedule } from '../../src/time/schedules.ts';
import { train } from '../../src/train.ts';
import { makeShard, put } from '../data/make.ts';

const pathOf = (name: string) => fileURLToPath(new URL(`../../configs/${name}.ts`, import.meta.url));
const text = { contextLength: 8, width: 16, heads: 2, layers: 1 };
const vit = { imageSize: 32, patchSize: 16, width: 16, layers: 1, heads: 2 };
const resnet = { type: 'resnet', imageSize: 32, layers: [1, 1, 1, 1], width: 2 };

/** Rows are the table's; `steps` its total, `gamma` by epoch; `small` stands in for the model when the run starts. */
const published = {
  'fastclip-cc3m-rn50': {
    pairs: 2_723_840,
    steps: 98_568,
    embedDim: 1024,
    peakLr: 1e-3,
    weightDecay: 0.1,
    adam: [0.9, 0.999, 1e-8],
    warmup: 10_000,
    finalLr: 0,
    rho: 6.5,
    eps: 1e-14,
    temperatureLr: 2e-4,
    gamma: { 0: 1, 2: 0.976, 4: 0.906, 8: 0.669, 16: 0.224, 18: 0.2, 36: 0.2 },
    small: resnet,
  },
  'fastclip-cc12m-vit-b-32': {
    pairs: 9_187_328,
    steps: 148_104,
    embedDim: 512,
    peakLr: 4e-4,
    weightDecay: 0.1,
    adam: [0.9, 0.98, 1e-6],
    warmup: 10_000,
    finalLr: 0,
    rho: 8.5,
    eps: 1e-14,
    temperatureLr: 1e-4,
    gamma: { 0: 1, 2: 0.97, 4: 0.883, 8: 0.6, 14: 0.23, 16: 0.2, 32: 0.2 },
    small: vit,
  },
  'fastclip-laion-vit-b-16': {
    pairs: 315_658_316,
    steps: 1_849_680,
    embedDim: 512,
    peakLr: 2e-4,
    weightDecay: 0.2,
    adam: [0.9, 0.98, 1e-6],
    warmup: 13_200,
    finalLr: 4e-5,
    rho: 16,
    eps: 1e-6,
    temperatureLr: 5e-5,
    gamma: { 0: 1, 2: 0.981, 4: 0.931, 6: 0.869, 8: 0.819, 10: 0.8, 29: 0.8 },
    small: vit,
  },
};

describe.each(Object.entries(published))('%s', (name, row) => {
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'couplet-configs-'));
    put(folder, { 'data/00000.tar': await makeShard(0, 8) });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  // @proves fastClipParts
  test('has the published numbers', async () => {
    const config = await loadConfig(pathOf(name));
    expect(config.name).toBe(name);
    expect(modelSpec(config.model as string).embedDim).toBe(row.embedDim);
    const [beta1, beta2, eps] = row.adam;
    const { peakLr, weightDecay } = row;
    expect(config.optimizer).toEqual({
      name: 'adamw',
      peakLr,
      weightDecay,
      beta1,
      beta2,
      eps,
      decayPositions: true,
    });
    expect(config.schedule).toEqual({
      warmup: { steps: row.warmup },
      shape: 'cosine',
      power: 2,
      finalLr: row.finalLr,
    });
    if (config.method.name !== 'fastclip') throw new Error(config.method.name);
    const { rho, eps: inner, gamma, temperature, version } = config.method;
    expect({ version, rho, inner }).toEqual({ version: 'v3', rho: row.rho, inner: row.eps });
    expect(temperature).toMatchObject({ init: 0.07, schedule: 'step-threshold', gradient: 'released' });
    expect(temperature.lrShare! * peakLr).toBeCloseTo(row.temperatureLr, 12);

    // Theirs rounds each epoch up to whole batches of every worker; ours is one stream of samples.
    const size = { globalBatchSize: config.batch.globalBatchSize, datasetSize: row.pairs };
    const totalSteps = durationToSteps(config.duration as Duration, size);
    expect(Math.abs(totalSteps / row.steps - 1)).toBeLessThan(2e-3);
    const clock = stepContextAt(0, { ...size, totalSteps });
    const decayEpochs = Math.floor(gamma.decayShare * Math.ceil(clock.totalEpochs - 1e-9) + 1e-9);
    const at = gammaSchedule({ shape: gamma.shape!, min: gamma.min, per: gamma.per, decayEpochs });
    for (const [epoch, value] of Object.entries(row.gamma))
      expect(at({ ...clock, epoch: Number(epoch) + 0.5 }), `epoch ${epoch}`).toBeCloseTo(value, 3);
  });

  test('starts, on a shard of its own and with a small model in the place of its', async () => {
    const path = join(folder, 'data/{00000..00000}.tar');
    const config = await loadConfig(pathOf(name), {
      set: [
        `model=${JSON.stringify({ embedDim: 8, image: row.small, text })}`,
        `data.train.path=${path}`,
        'data.tokenizer={"type":"bpe","vocabSize":514}',
        'batch.globalBatchSize=4',
        'duration.steps=3',
        'device=cpu',
      ],
    });
    const result = await train(config, { runsDir: join(folder, 'runs') });
    expect(result).toMatchObject({ step: 3, finished: true });
    const json = readState({ path: join(result.runDir, 'checkpoints/step-00000003'), step: 3 });
    expect(json.step).toBe(3);
  });
});

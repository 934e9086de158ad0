// DINO's last layer is frozen for some epochs: Adam counts its updates from its own first one, also after a resume.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { checkpointPath, STATE_FILE } from '../../src/io/checkpoint-files.ts';
import { modelBytes, runsFolder, type TinyConfig, tinyConfig, trainTiny } from './harness.ts';
import { asWebdataset, shapes } from './shapes.ts';

const [LAST, FROZEN] = ['head.last_layer.weight_v', 6]; // 2 epochs of 3 steps
const folder = runsFolder();
let base: TinyConfig;

beforeAll(async () => {
  base = {
    train: asWebdataset(join(folder, 'train'), await shapes(48)),
    model: { image: { imageSize: 24, patchSize: 8, width: 32, layers: 1, heads: 2, pool: 'class' } },
    method: {
      name: 'dino',
      localCrops: { count: 0 },
      freezeLastLayerEpochs: 2,
      head: { hidden: 32, outputs: 64 },
    },
    duration: { steps: 10 },
    checkpoint: { every: { steps: 4 }, keep: 10 },
  };
});

const stateOf = (runDir: string, step: number) => join(checkpointPath(runDir, step), STATE_FILE);

test.each([4, 8])(
  'a resume from step %i, with and without the counts that older versions did not save',
  async (step) => {
    const whole = await trainTiny(tinyConfig({ ...base, name: `whole-${step}` }), { runsDir: folder });
    const checkpoint = stateOf(whole.runDir, step);
    const state = JSON.parse(readFileSync(checkpoint, 'utf8'));
    expect(state.optimizer).toEqual({ steps: step, missed: { [LAST]: Math.min(step, FROZEN) } });
    for (const older of [false, true]) {
      const optimizer = older ? { steps: step } : state.optimizer;
      writeFileSync(checkpoint, JSON.stringify({ ...state, optimizer }));
      const expected = modelBytes(whole.runDir, 10);
      const resumed = await trainTiny(tinyConfig({ ...base, name: `whole-${step}` }), {
        runsDir: folder,
        resume: join(checkpoint, '..'),
      });
      expect(modelBytes(resumed.runDir, 10).equals(expected)).toBe(true);
    }
  },
);

// Default choices: `optimizer` is AdamW, `model.image` a ViT.
import { expect, test } from 'vitest';
import { parseConfig, type RunConfigInput } from './index.ts';

const base: RunConfigInput = {
  model: 'ViT-B-32',
  method: { name: 'clip' },
  data: { train: { type: 'folder', path: 'pictures' } },
  batch: { globalBatchSize: 8 },
  duration: { steps: 3 },
};
const parse = (part: object) => parseConfig({ ...base, ...part } as RunConfigInput);
const all = { peakLr: 5e-4, weightDecay: 0.1, decayPositions: true };
const adam = { beta1: 0.9, beta2: 0.98, eps: 1e-6 };

test.each([
  [undefined, { name: 'adamw', ...all, ...adam }],
  [{ beta1: 0.8 }, { name: 'adamw', ...all, ...adam, beta1: 0.8 }],
  [
    { name: 'lamb', peakLr: 1e-2 },
    { name: 'lamb', ...all, peakLr: 1e-2, ...adam },
  ],
  [{ name: 'lion' }, { name: 'lion', ...all, beta1: 0.9, beta2: 0.99 }],
  [
    { name: 'sgd', nesterov: true },
    { name: 'sgd', ...all, sgdMomentum: 0.9, nesterov: true },
  ],
])('optimizer %j is completed, and stays when it is read again', (optimizer, expected) => {
  const config = parse(optimizer ? { optimizer } : {});
  expect(config.optimizer).toEqual(expected);
  expect(parseConfig(structuredClone(config)).optimizer).toEqual(expected);
});

test.each([
  [
    { name: 'adamW' },
    "optimizer.name: expected 'adamw', 'lamb', 'lion' or 'sgd', got 'adamW'; did you mean 'adamw'?",
  ],
  [{ name: 'sgd', momentum: 0.9 }, 'optimizer.momentum is not known; did you mean optimizer.sgdMomentum?'],
  [{ name: 'sgd', nesterv: true }, 'optimizer.nesterv is not known; did you mean optimizer.nesterov?'],
  [
    { name: 'lion', eps: 1 },
    'optimizer.eps is not known; expected name, peakLr, weightDecay, decayPositions, layerDecay, loadedRate, clipGradNorm, clipEachGradNorm, beta1 or beta2',
  ],
  [
    { nesterov: true }, // of another choice: not suggested
    'optimizer.nesterov is not known; expected name, peakLr, weightDecay, decayPositions, layerDecay, loadedRate, clipGradNorm, clipEachGradNorm, beta1, beta2 or eps',
  ],
])('optimizer %j is refused', (optimizer, problem) => {
  expect(() => parse({ optimizer })).toThrow(`the config has a problem:\n  ${problem}`);
});

// The bytes of docs/running-on-many.md and docs/equations.md: what the methods ask for, by the formulas of a ring.
import { expect, test } from 'vitest';
import { alone, type Ranks } from '../../src/ranks/index.ts';
import { scope, type Tensor } from '../../src/torch/index.ts';
import * as ops from '../../src/torch/ops.ts';
import { BATCH as b, batchAt, clock, lossOf, makeMethod } from '../contract/method-fixture.ts';

const K = 3;
const E = 8; // embedDim of the fixture
const others = K - 1;

/** Rank 0 of three that all have the same samples; counts what it is asked for. */
function counting(): { ranks: Ranks; bytes: Record<string, number> } {
  const bytes: Record<string, number> = {};
  const count = (label: string, amount: number) => {
    bytes[label] = (bytes[label] ?? 0) + amount;
  };
  const size = (tensor: Tensor) => tensor.toArray().byteLength;
  const gathered = (tensor: Tensor, label: string) => {
    count(label, others * size(tensor.detach()));
    return ops.cat([tensor, tensor, tensor], 0);
  };
  const reduced = (tensor: Tensor, label: string) => {
    count(label, (2 * others * size(tensor)) / K);
    return tensor;
  };
  const ranks: Ranks = {
    ...alone,
    worldSize: K,
    allGather: gathered,
    allGatherWithGrad: (tensor, label) => {
      if (tensor.requiresGrad) count(`${label}_gradient`, others * size(tensor.detach()));
      return gathered(tensor, label);
    },
    allReduceMean: reduced,
    reduceScatter: (tensor, label) => {
      count(label, (others * size(tensor)) / K);
      return tensor.narrow(0, 0, tensor.shape[0] / K);
    },
  };
  return { ranks, bytes };
}

const features = 8 * others * b * E;
/** 24 (K - 1) b bytes of ids and u, as many as in the released code, whose ids take 16 and whose u takes 8. */
const fast = { features, ids: 8 * others * b, u: 16 * others * b };
const temperature = (8 * others) / K;
/** Of the batch norms that one pass goes through, in the fixture: MoCo v3's projector and predictor, SimCLR's projector. */
const channels = { projector: 24 + 24 + E, predictor: 24 + E, simclr: 16 + 16 + E };
const trained = channels.projector + channels.predictor;
const norm = (of: number) => 8 * others * of;
const OUTPUTS = 16; // of DINO's head

test.each([
  ['fastclip', { version: 'v3' }, { ...fast, temperature }],
  ['fastclip', { version: 'v1' }, fast],
  ['fastclip', { version: 'v2' }, { ...fast, u: 72 * others * b }],
  [
    'fastclip',
    { version: 'v3', reduction: 'openclip' },
    { ...fast, temperature, features_gradient: features },
  ],
  ['clip', {}, { features, features_gradient: features }],
  ['siglip', {}, { features: features / 2, features_gradient: features / 2 }],
  [
    'simclr',
    {},
    {
      features,
      features_gradient: features,
      batch_norm: norm(channels.simclr),
      batch_norm_gradient: norm(channels.simclr),
    },
  ],
  [
    'moco-v3',
    {},
    {
      features,
      batch_norm: norm(2 * trained + 2 * channels.projector),
      batch_norm_gradient: norm(2 * trained),
    },
  ],
  [
    'moco-v3',
    { symmetric: false },
    {
      features: features / 2,
      batch_norm: norm(trained + channels.projector),
      batch_norm_gradient: norm(trained),
    },
  ],
  ['dino', {}, { center: (8 * OUTPUTS * others) / K }],
  // @proves #gathered, SampleTable, gatherSamples
])('%s %o moves what the page says', (name, options, expected) => {
  const { ranks, bytes } = counting();
  const method = makeMethod(name, { options, ranks });
  scope(() => {
    const { next } = lossOf(method, batchAt(0, name), clock(0));
    method.commit(next, clock(0));
  });
  method.dispose();
  expect(bytes).toEqual(expected);
});

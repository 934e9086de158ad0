// DINO on CIFAR-10: 200 epochs of batch 512. Labels serve only the k-NN evaluation.
//
//   scripts/make-data cifar10
//   npx couplet train configs/dino-cifar10.ts
//
// Not run here in this length. Shorter runs of this model: docs/results/short-on-cifar10.md.
import { defineConfig, scaledLr } from 'couplet';

const CLASSES = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];

export default defineConfig({
  model: {
    image: { imageSize: 32, patchSize: 4, width: 192, layers: 9, heads: 3, positionEmbedding: 'sincos' },
  },
  // Local crops are half as wide as the picture and have 16 patches each. No blur, as SimCLR's authors have it at 32 pixels.
  method: {
    name: 'dino',
    localCrops: { count: 4, size: 16, scale: [0.05, 0.4] },
    head: { outputs: 4096 },
    augmentation: { blur: false },
  },
  precision: 'bfloat16',
  cudaGraphs: true,
  data: {
    train: { type: 'webdataset', path: 'data/cifar10/train-{00000..00009}.tar', classNames: CLASSES },
    hold: 'device',
    crop: { scale: [0.4, 1] },
  },
  batch: { globalBatchSize: 512 },
  duration: { epochs: 200 },
  optimizer: { peakLr: scaledLr(5e-4, 512) }, // DINO's own rate; weight decay is DINO's too, 0.04 to 0.4
  schedule: { warmup: { share: 0.1 }, shape: 'polynomial' },
  evaluate: {
    every: { share: 0.1 },
    neighbours: {
      data: { type: 'webdataset', path: 'data/cifar10/test-{00000..00001}.tar', classNames: CLASSES },
      k: 20,
      samples: 20_000,
    },
  },
});

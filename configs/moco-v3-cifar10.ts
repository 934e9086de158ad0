// MoCo v3 on CIFAR-10: 200 epochs of batch 512. Labels serve only the k-NN evaluation.
//
//   scripts/make-data cifar10
//   npx couplet train configs/moco-v3-cifar10.ts
//
// Not run here in this length. A run of 38 epochs reached 51.7 % k-NN accuracy in one minute of steps on one NVIDIA H100
// (docs/results/short-on-cifar10.md). It had batch 1024, learning rate 1.5e-3 and a cosine.
import { defineConfig } from 'couplet';

const CLASSES = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];

export default defineConfig({
  model: {
    image: { imageSize: 32, patchSize: 4, width: 192, layers: 9, heads: 3, positionEmbedding: 'sincos' },
  },
  // Only one of the two views is a query, as in Lin et al. (2024): half the cost of the symmetric loss.
  // No blur, as SimCLR's authors have it at 32 pixels.
  method: {
    name: 'moco-v3',
    symmetric: false,
    heads: { hidden: 1024, embedDim: 128 },
    augmentation: { blur: false },
  },
  precision: 'bfloat16',
  cudaGraphs: true,
  data: {
    train: { type: 'webdataset', path: 'data/cifar10/train-{00000..00009}.tar', classNames: CLASSES },
    hold: 'device',
    crop: { scale: [0.2, 1] },
  },
  batch: { globalBatchSize: 512 },
  duration: { epochs: 200 },
  optimizer: { peakLr: 1e-3, weightDecay: 0.1 },
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

// SimCLR on CIFAR-10: 200 epochs of batch 512. Labels serve only the k-NN evaluation.
//
//   scripts/make-data cifar10
//   npx couplet train configs/simclr-cifar10.ts
//
// Not run here in this length. A run of 28 epochs reached 58.8 % k-NN accuracy in one minute of steps on one NVIDIA H100
// (docs/results/short-on-cifar10.md). It had batch 1024, learning rate 1.5e-3 and a cosine.
import { defineConfig } from 'couplet';

const CLASSES = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];

export default defineConfig({
  model: {
    image: { imageSize: 32, patchSize: 4, width: 192, layers: 9, heads: 3, positionEmbedding: 'sincos' },
  },
  // SimCLR's authors use these on CIFAR-10: colour jitter of half the strength, no blur.
  method: {
    name: 'simclr',
    projector: { hidden: 1024 },
    augmentation: {
      colorJitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 },
      blur: false,
    },
  },
  precision: 'bfloat16',
  cudaGraphs: true,
  data: {
    train: { type: 'webdataset', path: 'data/cifar10/train-{00000..00009}.tar', classNames: CLASSES },
    hold: 'device',
    crop: { scale: [0.08, 1] },
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

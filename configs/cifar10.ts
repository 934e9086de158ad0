// FastCLIP-v3 on CIFAR-10, class names as captions: 60 epochs of batch 512.
//
//   scripts/make-data cifar10
//   npx couplet train configs/cifar10.ts
//
// 84.0 % zero-shot top-1 in 3.5 minutes on one NVIDIA H200 (docs/results/cifar10.md).
import { defineConfig } from 'couplet';

const CLASSES = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];

export default defineConfig({
  model: {
    embedDim: 192,
    image: { imageSize: 32, patchSize: 4, width: 384, layers: 7, heads: 6, pool: 'mean' },
    text: { contextLength: 16, width: 192, heads: 3, layers: 2 },
  },
  // rho is the KL radius of section 1.2 in docs/papers/fastclip.md. Ten classes leave room for at most log(10) = 2.3.
  method: { name: 'fastclip', rho: 2 },
  precision: 'bfloat16',
  data: {
    train: {
      type: 'webdataset',
      path: 'data/cifar10/train-{00000..00009}.tar',
      classNames: CLASSES,
      templates: ['a photo of a {}.', 'a blurry photo of a {}.'],
    },
    tokenizer: { type: 'bpe', vocabSize: 600 },
    crop: { scale: [0.35, 1] },
    flip: true,
  },
  batch: { globalBatchSize: 512 },
  duration: { epochs: 60 },
  optimizer: { peakLr: 1e-3, weightDecay: 0.1 },
  schedule: { warmup: { epochs: 5 } },
  evaluate: {
    every: { epochs: 5 },
    zeroShot: {
      data: { type: 'webdataset', path: 'data/cifar10/test-{00000..00001}.tar', classNames: CLASSES },
    },
  },
});

// FastCLIP-v3 on 50,000 photos of 100 classes with templated captions: 30 epochs of batch 512.
//
//   scripts/make-data tiny-imagenet-100
//   npx couplet train configs/tiny-imagenet-100.ts
//
// Not run here in this length. A run of eight epochs reached 29.7 % zero-shot top-1 (docs/results/fastclip-photos.md). It had learning rate 1.2e-3
// and least gamma 0.6.
import { defineConfig } from 'couplet';

export default defineConfig({
  model: {
    embedDim: 256,
    image: { imageSize: 64, patchSize: 8, width: 256, layers: 6, heads: 4, pool: 'mean' },
    text: { contextLength: 32, width: 256, heads: 4, layers: 4 },
  },
  // rho is the KL radius of section 1.2 in docs/papers/fastclip.md. A hundred classes leave room for at most log(100) = 4.6, and captions
  // repeat.
  method: { name: 'fastclip', rho: 2 },
  precision: 'bfloat16',
  data: {
    train: { type: 'webdataset', path: 'data/tiny-imagenet-100/train-{00000..00009}.tar' },
    tokenizer: { type: 'bpe', vocabSize: 2048 },
    crop: { scale: [0.35, 1] },
    flip: true,
  },
  batch: { globalBatchSize: 512 },
  duration: { epochs: 30 },
  optimizer: { peakLr: 6e-4, weightDecay: 0.1, clipGradNorm: 1 },
  schedule: { warmup: { epochs: 2 } },
  evaluate: {
    every: { epochs: 5 },
    zeroShot: {
      data: {
        type: 'webdataset',
        path: 'data/tiny-imagenet-100/val-00000.tar',
        classNames: 'data/tiny-imagenet-100/classes.json',
      },
      templates: ['a photo of a {}', 'an image showing a {}', 'there is a {} here'],
    },
    retrieval: { data: { type: 'webdataset', path: 'data/tiny-imagenet-100/val-00000.tar' } },
  },
});

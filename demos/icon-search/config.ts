// npx couplet train demos/icon-search/config.ts      FastCLIP-v3 on icons. Data: scripts/make-data icons.
// Then search.ts searches the held-out pack by words. Measured results: README.md.
import { defineConfig } from 'couplet';

export default defineConfig({
  name: 'icon-search',
  precision: 'bfloat16',
  model: {
    embedDim: 256,
    image: { imageSize: 64, patchSize: 8, width: 256, layers: 6, heads: 4, pool: 'mean' },
    text: { contextLength: 32, width: 256, heads: 4, layers: 4 },
  },
  method: { name: 'fastclip', version: 'v3', rho: 4 },
  data: {
    train: { type: 'webdataset', path: 'data/icons/train-{00000..00006}.tar' },
    tokenizer: { type: 'bpe', vocabSize: 4096 },
    // Icons fill their picture, so little is cut away; and left is not right, so nothing is mirrored.
    crop: { scale: [0.8, 1], ratio: [0.9, 1.1] },
    flip: false,
  },
  batch: { globalBatchSize: 128 },
  duration: { epochs: 30 },
  optimizer: { peakLr: 3e-4, weightDecay: 0.1, clipGradNorm: 1 },
  schedule: { warmup: { epochs: 2 } },
  evaluate: {
    every: { epochs: 3 },
    retrieval: { data: { type: 'webdataset', path: 'data/icons/val-00000.tar' } },
  },
});

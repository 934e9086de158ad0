// couplet train configs/moco-v3-folder.ts      MoCo v3 on a folder of your own pictures: no labels, no captions.
// Then: couplet eval runs/moco-v3-folder --knn --linear --train photos/train --test photos/test     (a folder for each class)
import { defineConfig } from 'couplet';

export default defineConfig({
  model: 'ViT-S-16',
  method: { name: 'moco-v3', symmetric: false },
  precision: 'bfloat16',
  data: {
    train: { type: 'folder', path: 'photos/train', labelled: false },
  },
  batch: { globalBatchSize: 256 },
  duration: { epochs: 100 },
  // Cheap steps first: a quarter of the tokens, then a half, then all. The learning rate follows the budget, not the steps.
  compression: {
    stages: [
      { from: 0, tokenDropout: 0.75 },
      { from: 0.5, tokenDropout: 0.5 },
      { from: 0.85, tokenDropout: 0 },
    ],
  },
  optimizer: { peakLr: 3e-4 },
  schedule: { warmup: { share: 0.1 }, shape: 'polynomial' },
  checkpoint: { every: { epochs: 5 } },
});

// MoCo v3 on a folder of your own pictures, without labels or captions: 100 epochs of batch 256, first on short sequences.
//
//   npx couplet train configs/moco-v3-folder.ts --set data.train.path=PICTURES
//   npx couplet eval runs/moco-v3-folder --knn --linear --train LABELLED/train --test LABELLED/test     # a folder for each class
//
// Not run here. Its compression schedule is made by hand; docs/results/moco-v3.md has results on smaller pictures.
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
  // Cheap steps first: patches are twice as large, and a quarter of them is kept, later a half. The end is on whole sequences, as evaluations are.
  // `from` is the share of the budget that is spent, which the learning rate follows too. For pictures with fine lines, let the run choose:
  // compression: { online: {} }.
  compression: {
    stages: [
      { from: 0, patchSize: 32, tokenDropout: 0.75 },
      { from: 0.3, patchSize: 32, tokenDropout: 0.5 },
      { from: 0.9 },
    ],
  },
  optimizer: { peakLr: 3e-4 },
  schedule: { warmup: { share: 0.1 }, shape: 'polynomial' },
  checkpoint: { every: { epochs: 5 } },
});

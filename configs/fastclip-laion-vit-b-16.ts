/**
 * FastCLIP-v3, xlarge: ViT-B/16 on LAION400M (315,658,316 pairs downloaded), 30 epochs of batch 5120. The authors used 16 GPUs.
 *
 *   npx couplet train configs/fastclip-laion-vit-b-16.ts --set data.train.path='/data/laion400m/{00000..41407}.tar'
 *
 * Each value has its source: [R] is the README of Optimization-AI/fast_clip at efd89d5, [C] the code of that commit (docs/papers/fastclip.md,
 * sections 3 and 5.1).
 *
 * Not run here. Two settings differ from the authors': bfloat16 without a gradient scaler instead of fp16 with one [C]; as many workers as
 * cores instead of 6 per GPU [R].
 *
 * model, seed, globalBatchSize 16 x 320, epochs (their last figure shows 42), warm-up, peakLr, finalLr (lr_min), weightDecay,
 * rho, eps 1e-6 of the method, the checkpoint of each epoch: [R]. Their script stops after every third epoch and resumes.
 * crop: [C]. beta2 and eps of the optimizer: [C], chosen there by the model's name.
 * gamma: [R] min 0.8, E = 10 of 30 epochs. temperature: [C] init 0.07; [R] lr_tau 5e-5 is a quarter of peakLr, with step_thresh.
 * gradient 'released': rho was tuned with the released code's doubled term (section 1.6).
 */
import { defineConfig } from 'couplet';

export default defineConfig({
  model: 'ViT-B-16',
  seed: 2024,
  precision: 'bfloat16',
  method: {
    name: 'fastclip',
    version: 'v3',
    rho: 16,
    eps: 1e-6,
    gamma: { shape: 'cosine', min: 0.8, decayShare: 10 / 30, per: 'epoch' },
    temperature: { init: 0.07, lrShare: 0.25, schedule: 'step-threshold', gradient: 'released' },
  },
  data: {
    train: { type: 'webdataset', path: 'data/laion400m/{00000..41407}.tar' },
    crop: { scale: [0.9, 1] },
  },
  batch: { globalBatchSize: 5120 },
  duration: { epochs: 30 },
  optimizer: { name: 'adamw', peakLr: 2e-4, weightDecay: 0.2, beta1: 0.9, beta2: 0.98, eps: 1e-6 },
  schedule: { warmup: { steps: 13_200 }, shape: 'cosine', finalLr: 4e-5 },
  checkpoint: { every: { epochs: 1 } },
});

/**
 * FastCLIP-v3, medium: RN50 on CC3M (2,723,840 pairs downloaded), 37 epochs of batch 1024. The authors used 8 GPUs.
 *
 *   npx couplet train configs/fastclip-cc3m-rn50.ts --set data.train.path='/data/cc3m/{00000..00331}.tar'
 *
 * Each value has its source: [R] is the README of Optimization-AI/fast_clip at efd89d5, [C] the code of that commit (docs/papers/fastclip.md,
 * sections 3 and 5.1).
 *
 * Not run here. Two settings differ from the authors': bfloat16 without a gradient scaler instead of fp16 with one [C]; as many workers as
 * cores instead of 6 per GPU [R].
 *
 * model, seed, globalBatchSize 8 x 128, epochs, warm-up, peakLr, weightDecay, rho, the checkpoint of each epoch: [R].
 * crop: [C]. beta2 and eps of the optimizer: [C], chosen there by the model's name. finalLr 0: [C], lr_min's default.
 * gamma: [R] min 0.2, E = 18 of 37 epochs. temperature: [C] init 0.07; [R] lr_tau 2e-4 is a fifth of peakLr, with step_thresh.
 * eps 1e-14 of the method: [C]. gradient 'released': rho was tuned with the released code's doubled term (section 1.6).
 */
import { defineConfig } from 'couplet';

export default defineConfig({
  model: 'RN50',
  seed: 2024,
  precision: 'bfloat16',
  method: {
    name: 'fastclip',
    version: 'v3',
    rho: 6.5,
    eps: 1e-14,
    gamma: { shape: 'cosine', min: 0.2, decayShare: 18 / 37, per: 'epoch' },
    temperature: { init: 0.07, lrShare: 0.2, schedule: 'step-threshold', gradient: 'released' },
  },
  data: {
    train: { type: 'webdataset', path: 'data/cc3m/{00000..00331}.tar' },
    crop: { scale: [0.9, 1] },
  },
  batch: { globalBatchSize: 1024 },
  duration: { epochs: 37 },
  optimizer: { name: 'adamw', peakLr: 1e-3, weightDecay: 0.1, beta1: 0.9, beta2: 0.999, eps: 1e-8 },
  schedule: { warmup: { steps: 10_000 }, shape: 'cosine', finalLr: 0 },
  checkpoint: { every: { epochs: 1 } },
});

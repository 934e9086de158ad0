/**
 * FastCLIP-v3, large: ViT-B/32 on CC12M (9,187,328 pairs downloaded), 33 epochs of batch 2048. The authors used 8 GPUs.
 *
 *   npx couplet train configs/fastclip-cc12m-vit-b-32.ts --set data.train.path='/data/cc12m/{00000..01242}.tar'
 *
 * Each value has its source: [R] is the README of Optimization-AI/fast_clip at efd89d5, [C] the code of that commit (docs/papers/fastclip.md,
 * sections 3 and 5.1).
 *
 * Not run here. Two settings differ from the authors': bfloat16 without a gradient scaler instead of fp16 with one [C]; as many workers as
 * cores instead of 6 per GPU [R].
 *
 * model, seed, globalBatchSize 8 x 256, epochs, warm-up, peakLr, weightDecay, rho, the checkpoint of each epoch: [R].
 * crop: [C]. beta2 and eps of the optimizer: [C], chosen there by the model's name. finalLr 0: [C], lr_min's default.
 * gamma: [R] min 0.2, E = 16 of 33 epochs. temperature: [C] init 0.07; [R] lr_tau 1e-4 is a quarter of peakLr, with step_thresh.
 * eps 1e-14 of the method: [C]. gradient 'released': rho was tuned with the released code's doubled term (section 1.6).
 */
import { defineConfig } from 'couplet';

export default defineConfig({
  model: 'ViT-B-32',
  seed: 2024,
  precision: 'bfloat16',
  method: {
    name: 'fastclip',
    version: 'v3',
    rho: 8.5,
    eps: 1e-14,
    gamma: { shape: 'cosine', min: 0.2, decayShare: 16 / 33, per: 'epoch' },
    temperature: { init: 0.07, lrShare: 0.25, schedule: 'step-threshold', gradient: 'released' },
  },
  data: {
    train: { type: 'webdataset', path: 'data/cc12m/{00000..01242}.tar' },
    crop: { scale: [0.9, 1] },
  },
  batch: { globalBatchSize: 2048 },
  duration: { epochs: 33 },
  optimizer: { name: 'adamw', peakLr: 4e-4, weightDecay: 0.1, beta1: 0.9, beta2: 0.98, eps: 1e-6 },
  schedule: { warmup: { steps: 10_000 }, shape: 'cosine', finalLr: 0 },
  checkpoint: { every: { epochs: 1 } },
});

import type { VitSpec } from '../../models/vit.ts';
import type { Activation } from '../../nn/activation.ts';
import { ownVit } from '../../weights/layouts/timm.ts';
import { defineForm } from '../form.ts';

const ACTIVATIONS: Record<Activation, string> = {
  gelu: 'gelu',
  'quick-gelu': 'quick_gelu',
  'gelu-tanh': 'gelu_tanh',
};

/** timm's names of sizes, for readers: `model_args` has the sizes. */
const NAMES: readonly [number, string][] = [
  [192, 'tiny'],
  [384, 'small'],
  [768, 'base'],
  [1024, 'large'],
];

/** timm's VisionTransformer, with the config that it reads from `local-dir:`. */
export const timmForm = defineForm({
  title: 'VisionTransformer of timm',
  fit: {
    texts: false,
    pools: ['class', 'mean'],
    classToken: [true, false],
    layerScale: true,
    preNorm: [true, false],
    patchBias: 'unless preNorm',
    normEps: 1e-6,
    activations: ['gelu', 'quick-gelu', 'gelu-tanh'],
  },
  layout: ownVit,
  weightsFile: 'model.safetensors',
  configFile: 'config.json',
  config({ model, pixels }) {
    const image = model.image as VitSpec;
    const pool = image.pool === 'mean' ? 'avg' : 'token';
    const size = NAMES.find(([width]) => width === image.width)?.[1] ?? 'base';
    return {
      architecture: `vit_${size}_patch16_224`,
      num_classes: 0,
      num_features: image.width,
      global_pool: pool,
      model_args: {
        img_size: image.imageSize,
        patch_size: image.patchSize,
        embed_dim: image.width,
        depth: image.layers,
        num_heads: image.heads,
        mlp_ratio: image.mlpRatio,
        act_layer: ACTIVATIONS[image.activation ?? 'gelu'],
        global_pool: pool,
        fc_norm: false,
        class_token: image.classToken ?? true,
        pre_norm: image.preNorm,
        ...(image.layerScale && { init_values: 1 }),
      },
      pretrained_cfg: {
        input_size: [3, image.imageSize, image.imageSize],
        fixed_input_size: true,
        mean: pixels.mean,
        std: pixels.std,
        interpolation: 'bicubic',
        crop_pct: 1,
        crop_mode: 'center',
        num_classes: 0,
        pool_size: null,
        first_conv: 'patch_embed.proj',
        classifier: 'head',
      },
    };
  },
});

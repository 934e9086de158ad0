import type { AnyClipSpec } from '../../models/clip.ts';
import { openClip } from '../../weights/layouts/open-clip.ts';
import { defineForm } from '../form.ts';

const ratio = (value: number | undefined) => (value === undefined || value === 4 ? {} : { mlp_ratio: value });

/** open_clip's CLIP, with the config that it reads from `local-dir:`. */
export const openClipForm = defineForm({
  title: 'CLIP of open_clip',
  fit: {
    texts: true,
    resnet: true,
    pools: ['class', 'mean'],
    classToken: [true],
    preNorm: [true],
    patchBias: false,
    normEps: 1e-5,
    activations: ['gelu', 'quick-gelu'],
    oneActivation: true,
    text: { causal: true, pool: 'end', projectionBias: false },
  },
  layout: openClip,
  weightsFile: 'open_clip_model.safetensors',
  configFile: 'open_clip_config.json',
  logitBias: true,
  config({ model, pixels, isClipTokenizer, logitBias }) {
    const { embedDim, image, text } = model as AnyClipSpec;
    const { width, layers, heads, contextLength, vocabSize, activation, mlpRatio } = text;
    return {
      model_cfg: {
        embed_dim: embedDim,
        ...(activation === 'quick-gelu' && { quick_gelu: true }),
        ...(logitBias !== undefined && { init_logit_bias: logitBias }),
        vision_cfg:
          image.type === 'resnet'
            ? {
                image_size: image.imageSize,
                layers: image.layers,
                width: image.width,
                head_width: (32 * image.width) / image.heads,
                patch_size: null,
              }
            : {
                image_size: image.imageSize,
                layers: image.layers,
                width: image.width,
                head_width: image.width / image.heads,
                patch_size: image.patchSize,
                ...ratio(image.mlpRatio),
                ...(image.pool === 'mean' && { pool_type: 'avg' }),
                ...(image.positionEmbedding === 'sincos' && { pos_embed_type: 'sin_cos_2d' }),
              },
        text_cfg: {
          context_length: contextLength,
          vocab_size: vocabSize,
          width,
          heads,
          layers,
          ...ratio(mlpRatio),
          ...(!isClipTokenizer && { hf_tokenizer_name: 'tokenizer.json' }),
        },
      },
      preprocess_cfg: {
        mean: pixels.mean,
        std: pixels.std,
        interpolation: 'bicubic',
        resize_mode: 'shortest',
      },
    };
  },
});

// Config files of transformers' models.

import type { AnyClipSpec } from '../../models/clip.ts';
import type { VitSpec } from '../../models/vit.ts';
import type { Activation } from '../../nn/activation.ts';
import { hfClip } from '../../weights/layouts/hf-clip.ts';
import { hfDinov2, hfVit } from '../../weights/layouts/hf-vit.ts';
import { hfSiglip } from '../../weights/layouts/siglip.ts';
import { defineForm, type FormContext } from '../form.ts';

const ACTIVATIONS: Record<Activation, string> = {
  gelu: 'gelu',
  'quick-gelu': 'quick_gelu',
  'gelu-tanh': 'gelu_pytorch_tanh',
};
const ALL = ['gelu', 'quick-gelu', 'gelu-tanh'] as const;
const FILES = { weightsFile: 'model.safetensors', configFile: 'config.json' };

const blocks = (spec: VitSpec | AnyClipSpec['text']) => ({
  hidden_size: spec.width,
  intermediate_size: Math.round(spec.width * (spec.mlpRatio ?? 4)),
  num_hidden_layers: spec.layers,
  num_attention_heads: spec.heads,
  hidden_act: ACTIVATIONS[spec.activation ?? 'gelu'],
  layer_norm_eps: spec.normEps ?? 1e-5,
  attention_dropout: 0,
});

const pictures = ({ imageSize, patchSize }: VitSpec) => ({
  image_size: imageSize,
  patch_size: patchSize,
  num_channels: 3,
});

const head = (type: string, title: string) => ({
  architectures: [title],
  model_type: type,
  dtype: 'float32',
});

function pairConfig({ model, ids }: FormContext, type: string, title: string): Record<string, unknown> {
  const { image, text, embedDim } = model as AnyClipSpec & { image: VitSpec };
  const projection = { projection_dim: embedDim };
  return {
    ...head(type, title),
    ...projection,
    vision_config: {
      model_type: `${type}_vision_model`,
      ...blocks(image),
      ...pictures(image),
      ...projection,
    },
    text_config: {
      model_type: `${type}_text_model`,
      ...blocks(text),
      max_position_embeddings: text.contextLength,
      vocab_size: text.vocabSize,
      bos_token_id: ids!.start ?? null,
      eos_token_id: ids!.end,
      pad_token_id: text.pool === 'last' ? (text.padId ?? 0) : ids!.end,
      ...projection,
    },
  };
}

export const hfClipForm = defineForm({
  title: 'CLIPModel',
  fit: {
    texts: true,
    pools: ['class'],
    classToken: [true],
    preNorm: [true],
    patchBias: false,
    activations: ALL,
    text: { causal: true, pool: 'end', projectionBias: false },
  },
  layout: hfClip,
  ...FILES,
  config: (context) => pairConfig(context, 'clip', 'CLIPModel'),
});

export const hfSiglipForm = defineForm({
  title: 'SiglipModel',
  fit: {
    texts: true,
    pools: ['attention'],
    classToken: [false],
    preNorm: [false],
    patchBias: true,
    projection: false,
    activations: ALL,
    text: { causal: false, pool: 'last', projectionBias: true },
  },
  layout: hfSiglip,
  ...FILES,
  logitBias: true,
  config(context) {
    const { text_config: text, ...config } = pairConfig(context, 'siglip', 'SiglipModel');
    const { embedDim } = context.model as AnyClipSpec;
    return { ...config, text_config: { ...(text as object), projection_size: embedDim } };
  },
});

const PICTURES_ALONE = {
  texts: false,
  pools: ['class'],
  classToken: [true],
  preNorm: [false],
  patchBias: true,
  activations: ALL,
} as const;

const encoderConfig = (image: VitSpec) => ({ ...blocks(image), ...pictures(image), qkv_bias: true });

export const hfVitForm = defineForm({
  title: 'ViTModel',
  fit: PICTURES_ALONE,
  layout: hfVit,
  ...FILES,
  config: ({ model }) => ({ ...head('vit', 'ViTModel'), ...encoderConfig(model.image as VitSpec) }),
});

/** With LayerScale, with or without registers. */
export const hfDinov2Form = defineForm({
  title: 'Dinov2Model',
  fit: { ...PICTURES_ALONE, layerScale: true, registers: true },
  layout: hfDinov2,
  ...FILES,
  config({ model }) {
    const image = model.image as VitSpec;
    const { registers = 0 } = image;
    const [type, title] =
      registers > 0 ? ['dinov2_with_registers', 'Dinov2WithRegistersModel'] : ['dinov2', 'Dinov2Model'];
    return {
      ...head(type!, title!),
      ...encoderConfig(image),
      mlp_ratio: image.mlpRatio,
      use_swiglu_ffn: false,
      ...(registers > 0 && { num_register_tokens: registers }),
    };
  },
  extra({ image }) {
    const { width, layers, layerScale } = image as VitSpec;
    const extra = new Map([['embeddings.mask_token', { shape: [1, width], value: 0 }]]);
    for (let i = 0; i < layers && !layerScale; i++)
      for (const n of [1, 2])
        extra.set(`encoder.layer.${i}.layer_scale${n}.lambda1`, { shape: [width], value: 1 });
    return extra;
  },
});

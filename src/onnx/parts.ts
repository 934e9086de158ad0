// What a file has: its inputs, its outputs, and the tensors of the model that it takes.
import { CoupletError } from '../errors.ts';
import type { AnyClipSpec } from '../models/clip.ts';
import { type AnyModelSpec, hasTexts } from '../models/registry.ts';
import { prefixTokens } from '../models/vit.ts';
import { OPEN_CLIP_VIT, TIMM_VIT } from '../models/vit-style.ts';
import { Graph, type Value } from './graph.ts';
import { Layers } from './layers.ts';
import { centerCrop, type PixelOptions } from './pixels.ts';
import { resnet } from './resnet.ts';
import { text } from './text.ts';
import type { Variant } from './variants/variant.ts';
import { type ImageOutputs, vit } from './vit.ts';
import type { Weights } from './weights.ts';

/** One tower of a pair, both with their similarities, or an encoder of pictures alone. */
export type Part = 'image' | 'text' | 'joint' | 'encoder';

/** Whose names inputs and outputs have: transformers' CLIPModel or SiglipModel. */
export type Family = 'clip' | 'siglip';

/** Names of a pair's image tower, and of the only net of other methods, in checkpoints. */
const VISUAL = 'visual.';
const BACKBONE = 'backbone.';
const SCALES = ['logit_scale', 'logit_bias'];

export interface PartOptions {
  part: Part;
  spec: AnyModelSpec;
  family: Family;
  variant: Variant;
  /** Before the names of an encoder's tensors. Default `backbone.`. */
  prefix?: string | undefined;
  /** Takes pictures of any size, and cuts them itself. Default: pixels of the model's size. */
  pixels?: PixelOptions | undefined;
}

/** The graph of a part. Throws a CoupletError for tensors that the spec does not have, or lacks. */
export function buildPart(weights: Weights, options: PartOptions): Graph {
  const { part, spec, variant } = options;
  const layers = new Layers(new Graph(variant.float), weights, variant);
  if (part === 'encoder') encoder(layers, options);
  else {
    if (!hasTexts(spec)) throw new CoupletError(`ONNX: the part ${part} needs a model with a text tower.`);
    if (part === 'image') imageFile(layers, spec, options);
    else if (part === 'text') textFile(layers, spec, options);
    else joint(layers, spec, options);
  }
  refuseUnused(weights, options);
  return layers.graph;
}

function refuseUnused(weights: Weights, { part, prefix = BACKBONE }: PartOptions): void {
  const belongs: Record<Part, (name: string) => boolean> = {
    image: (name) => name.startsWith(VISUAL),
    text: (name) => !name.startsWith(VISUAL) && !SCALES.includes(name),
    joint: () => true,
    encoder: (name) => name.startsWith(prefix),
  };
  const unused = weights.unused(belongs[part]);
  if (unused.length > 0)
    throw new CoupletError(
      `ONNX: ${unused.length} tensors have no place in this spec, first ${unused[0]}. Give the spec of these weights.`,
    );
}

/** Pixels of the model's size, in its float type. */
function pixelsOf({ graph }: Layers, { spec, pixels }: PartOptions, batch = 'batch_size'): Value {
  const side = spec.image.imageSize;
  const size = pixels ? ['height', 'width'] : [side, side];
  const input = graph.input('pixel_values', 'float32', [batch, 3, ...size]);
  const cut = pixels ? centerCrop(graph, input, side, pixels) : input;
  return graph.float === 'float32' ? cut : graph.cast(cut, graph.float);
}

/** A pair's image tower; `pooled` is [B, E]. */
function image(layers: Layers, { image: spec, embedDim }: AnyClipSpec, pixels: Value): ImageOutputs {
  if (spec.type === 'resnet') return { pooled: resnet(layers, pixels, spec, embedDim, VISUAL) };
  const { pooled, ...tokens } = vit(layers, pixels, { spec, style: OPEN_CLIP_VIT, prefix: VISUAL });
  if (spec.projection === false) return { ...tokens, pooled };
  return { ...tokens, pooled: layers.project(pooled, `${VISUAL}proj`, { in: spec.width, out: embedDim }) };
}

function imageFile(layers: Layers, spec: AnyClipSpec, options: PartOptions): void {
  const { graph } = layers;
  const { family } = options;
  const { tokens, pooled } = image(layers, spec, pixelsOf(layers, options));
  if (family === 'siglip') putTokens(layers, spec, tokens);
  graph.output(family === 'siglip' ? 'pooler_output' : 'image_embeds', pooled, ['batch_size', spec.embedDim]);
}

function putTokens({ graph }: Layers, { image }: AnyModelSpec, tokens: Value | undefined): void {
  if (tokens === undefined || image.type === 'resnet') return;
  const count = prefixTokens(image) + (image.imageSize / image.patchSize) ** 2;
  graph.output('last_hidden_state', tokens, ['batch_size', count, image.width]);
}

function textFile(layers: Layers, { text: spec, embedDim }: AnyClipSpec, { family }: PartOptions): void {
  const { graph } = layers;
  const ids = graph.input('input_ids', 'int64', ['batch_size', 'sequence_length']);
  const { tokens, features } = text(layers, ids, spec, embedDim);
  if (family === 'siglip')
    graph.output('last_hidden_state', tokens, ['batch_size', 'sequence_length', spec.width]);
  graph.output(family === 'siglip' ? 'pooler_output' : 'text_embeds', features, ['batch_size', embedDim]);
}

/** Features of unit length, and their similarities divided by the temperature. */
function joint(layers: Layers, spec: AnyClipSpec, options: PartOptions): void {
  const { graph, weights } = layers;
  const [images, texts] = ['image_batch_size', 'text_batch_size'];
  const ids = graph.input('input_ids', 'int64', [texts, 'sequence_length']);
  const pixels = pixelsOf(layers, options, images);
  // transformers gives it; no token before the end of the text looks at the padding.
  if (options.family === 'clip') graph.input('attention_mask', 'int64', [texts, 'sequence_length']);
  const imageRows = layers.unitRows(image(layers, spec, pixels).pooled);
  const textRows = layers.unitRows(text(layers, ids, spec.text, spec.embedDim).features);
  const columns = graph.op('Transpose', [textRows], { attributes: { perm: [1, 0] } });
  const scale = graph.op('Exp', [graph.weight(weights.take('logit_scale', []), 'float32')]);
  let logits = graph.op('Mul', [graph.op('MatMul', [imageRows, columns]), scale]);
  if (weights.has('logit_bias'))
    logits = layers.add(logits, graph.weight(weights.take('logit_bias', []), 'float32'));
  const flipped = graph.op('Transpose', [logits], { attributes: { perm: [1, 0] } });
  graph.output('logits_per_image', logits, [images, texts], 'float32');
  graph.output('logits_per_text', flipped, [texts, images], 'float32');
  graph.output('text_embeds', textRows, [texts, spec.embedDim], 'float32');
  graph.output('image_embeds', imageRows, [images, spec.embedDim], 'float32');
}

function encoder(layers: Layers, options: PartOptions): void {
  const { spec, prefix = BACKBONE } = options;
  if (spec.image.type === 'resnet') throw new CoupletError('ONNX: an encoder of pictures alone is a ViT.');
  const { tokens, pooled } = vit(layers, pixelsOf(layers, options), {
    spec: spec.image,
    style: TIMM_VIT,
    prefix,
  });
  putTokens(layers, spec, tokens);
  layers.graph.output('pooler_output', pooled, ['batch_size', spec.image.width]);
}

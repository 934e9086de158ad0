// B batch, L tokens, D width, E embedding.
import type { TextSpec } from '../models/text.ts';
import { OPEN_CLIP_BLOCK } from '../nn/block.ts';
import type { Value } from './graph.ts';
import type { Layers } from './layers.ts';

/** What a text tower gives. */
export interface TextOutputs {
  /** After the last norm, [B, L, D]. */
  tokens: Value;
  /** [B, E], of any length. */
  features: Value;
}

/** Ids, int64 [B, L] with L up to the context length, through a text transformer. */
export function text(layers: Layers, ids: Value, spec: TextSpec, embedDim: number): TextOutputs {
  const { graph } = layers;
  const { width, heads, normEps = 1e-5, mlpRatio = 4, activation = 'gelu', causal = true } = spec;
  const length = graph.op('Shape', [ids], { attributes: { start: 1, end: 2 } });
  const table = layers.weights.take('token_embedding.weight', [spec.vocabSize, width]);
  const positions = graph.weight(layers.weights.take('positional_embedding', [spec.contextLength, width]));
  let x = layers.add(
    layers.variant.rows(graph, table, ids),
    graph.op('Slice', [positions, graph.ints(0), length, graph.ints(0)]),
  );
  const mask = causal ? causalMask(layers, length) : undefined;
  const hidden = Math.round(mlpRatio * width);
  const shape = { names: OPEN_CLIP_BLOCK, width, heads, hidden, normEps, activation };
  for (let i = 0; i < spec.layers; i++) x = layers.block(x, `transformer.resblocks.${i}.`, shape, mask);
  const tokens = layers.layerNorm(x, 'ln_final.', { width, eps: normEps });
  const pooled =
    spec.pool === 'last'
      ? graph.op('Gather', [tokens, graph.int(-1)], { attributes: { axis: 1 } })
      : graph.op('GatherND', [tokens, endOfText(layers, ids)], { attributes: { batch_dims: 1 } });
  const product = layers.project(pooled, 'text_projection', { in: width, out: embedDim });
  const bias = spec.projectionBias ? layers.vector('text_projection_bias', embedDim) : undefined;
  return { tokens, features: bias === undefined ? product : layers.add(product, bias) };
}

/** The place of the largest id, the first one of equal ones: [B, 1]. */
function endOfText({ graph }: Layers, ids: Value): Value {
  return graph.op('ArgMax', [graph.cast(ids, 'int32')], { attributes: { axis: 1, keepdims: 1 } });
}

/** [L, L]: zero where a token may look, minus infinity at later tokens. */
function causalMask({ graph }: Layers, length: Value): Value {
  const place = graph.op('Range', [graph.int(0), graph.op('Squeeze', [length]), graph.int(1)]);
  const later = graph.op('Less', [graph.op('Unsqueeze', [place, graph.ints(1)]), place]);
  return graph.op('Where', [later, graph.scalar(Number.NEGATIVE_INFINITY), graph.scalar(0)]);
}

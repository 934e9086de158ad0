import type { Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

const HAS_FLASH = ops.has('aten::scaled_dot_product_attention');

/** softmax(Q K^T / sqrt(d)) V on [B, H, N, d]; `causal` hides later tokens. */
export function scaledDotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: { causal: boolean },
): Tensor {
  return HAS_FLASH
    ? ops.scaled_dot_product_attention(query, key, value, null, 0, options.causal)
    : ops._scaled_dot_product_attention(query, key, value, null, 0, false, options.causal)[0];
}

/**
 * Queries, keys and values [B, N, 3D] -> [B, N, D].
 * @equation FastCLIP 5: attention: softmax(q k^T / sqrt(d)) v
 */
export function multiHeadAttention(qkv: Tensor, options: { heads: number; causal: boolean }): Tensor {
  const [batch, length, width] = qkv.shape;
  const perHead = width / 3 / options.heads;
  const [query, key, value] = qkv
    .view(batch, length, 3, options.heads, perHead)
    .permute(2, 0, 3, 1, 4)
    .unbind(0);
  const mixed = scaledDotProductAttention(query, key, value, options); // [B, H, N, d]
  return mixed.transpose(1, 2).reshape(batch, length, width / 3);
}

// B batch, S image side, C channels, E embedding.
import type { ResNetSpec } from '../models/resnet.ts';
import type { Value } from './graph.ts';
import type { Layers } from './layers.ts';
import { derived, type Weight } from './weights.ts';

/** Of Couplet's batch norms. */
const EPS = 1e-5;
/** Output channels of a bottleneck, as a multiple of its inner ones. */
const EXPANSION = 4;

interface Conv {
  conv: string;
  norm: string;
  in: number;
  out: number;
  side: 1 | 3;
  stride?: number;
}

/** Normalised pixels [B, 3, S, S] through CLIP's modified ResNet, [B, E]. Batch norms become part of the convolutions. */
export function resnet(
  layers: Layers,
  pixels: Value,
  spec: ResNetSpec,
  embedDim: number,
  prefix: string,
): Value {
  const { width } = spec;
  const numbered = (at: string, n: number) => ({ conv: `${at}conv${n}`, norm: `${at}bn${n}` });
  const relu = (x: Value) => layers.graph.op('Relu', [x]);
  const half = width / 2;
  const stem: Conv[] = [
    { ...numbered(prefix, 1), in: 3, out: half, side: 3, stride: 2 },
    { ...numbered(prefix, 2), in: half, out: half, side: 3 },
    { ...numbered(prefix, 3), in: half, out: width, side: 3 },
  ];
  let x = shrink(
    layers,
    stem.reduce((value, conv) => relu(convNorm(layers, value, conv)), pixels),
    2,
  );
  let channels = width;
  for (const [stage, count] of spec.layers.entries())
    for (let i = 0; i < count; i++) {
      const at = `${prefix}layer${stage + 1}.${i}.`;
      const planes = width * 2 ** stage;
      const out = planes * EXPANSION;
      const stride = stage > 0 && i === 0 ? 2 : 1;
      const reduced = relu(convNorm(layers, x, { ...numbered(at, 1), in: channels, out: planes, side: 1 }));
      const mixed = relu(convNorm(layers, reduced, { ...numbered(at, 2), in: planes, out: planes, side: 3 }));
      const expand: Conv = { ...numbered(at, 3), in: planes, out, side: 1 };
      const expanded = convNorm(layers, shrink(layers, mixed, stride), expand);
      const names = { conv: `${at}downsample.0`, norm: `${at}downsample.1` };
      const shortcut =
        stride > 1 || channels !== out
          ? convNorm(layers, shrink(layers, x, stride), { ...names, in: channels, out, side: 1 })
          : x;
      x = relu(layers.add(expanded, shortcut));
      channels = out;
    }
  const size = { places: (spec.imageSize / 32) ** 2, width: channels, heads: spec.heads, out: embedDim };
  return attentionPool(layers, x, `${prefix}attnpool.`, size);
}

function shrink({ graph }: Layers, x: Value, side: number): Value {
  if (side === 1) return x;
  return graph.op('AveragePool', [x], { attributes: { kernel_shape: [side, side], strides: [side, side] } });
}

/** norm(conv(x)) = conv'(x) + bias', with kernel' = kernel gain / deviation. */
function convNorm(layers: Layers, x: Value, { conv, norm, in: inner, out, side, stride = 1 }: Conv): Value {
  const { graph, weights, variant } = layers;
  const shape = [out, inner, side, side];
  const kernel = weights.take(`${conv}.weight`, shape);
  const vectors = ['weight', 'bias', 'running_mean', 'running_var'].map((name) =>
    weights.take(`${norm}.${name}`, [out]),
  );
  const [gain, bias, mean, variance] = vectors as [Weight, Weight, Weight, Weight];
  const factor = (gains: Float32Array, variances: Float32Array, channel: number) =>
    gains[channel]! / Math.sqrt(variances[channel]! + EPS);
  const folded = derived(kernel.name, shape, [kernel, gain, variance], (values, gains, variances) =>
    values.map((value, i) => value * factor(gains!, variances!, Math.floor((i * out) / values.length))),
  );
  const offset = derived(bias.name, [out], [bias, mean, gain, variance], (biases, means, gains, variances) =>
    biases.map((value, i) => value - means![i]! * factor(gains!, variances!, i)),
  );
  const pad = side >> 1;
  return graph.op('Conv', [x, variant.kernel(graph, folded), graph.weight(offset)], {
    attributes: { kernel_shape: [side, side], strides: [stride, stride], pads: [pad, pad, pad, pad] },
  });
}

/** [B, C, H, W] -> [B, E]: the query is the mean of all places. */
function attentionPool(
  layers: Layers,
  x: Value,
  prefix: string,
  size: { places: number; width: number; heads: number; out: number },
): Value {
  const { graph } = layers;
  const { places: count, width, heads } = size;
  const flat = graph.op('Reshape', [x, graph.ints(0, width, count)]);
  const places = graph.op('Transpose', [flat], { attributes: { perm: [0, 2, 1] } });
  const mean = graph.op('ReduceMean', [places, graph.ints(1)], { attributes: { keepdims: 1 } });
  const positions = layers.weights.take(`${prefix}positional_embedding`, [1 + count, width]);
  const tokens = layers.add(
    graph.op('Concat', [mean, places], { attributes: { axis: 1 } }),
    graph.weight(positions),
  );
  const first = graph.op('Slice', [tokens, graph.ints(0), graph.ints(1), graph.ints(1)]);
  const part = (name: string, input: Value) =>
    layers.linear(input, `${prefix}${name}_proj.`, { in: width, out: width });
  const pooled = layers.attention([part('q', first), part('k', tokens), part('v', tokens)], { width, heads });
  const row = graph.op('Squeeze', [pooled, graph.ints(1)]);
  return layers.linear(row, `${prefix}c_proj.`, { in: width, out: size.out });
}

// B batch, H x W a picture, S side of the model's input.
import type { Interpolation } from '../data/pictures/crop.ts';
import type { Graph, Value } from './graph.ts';

/** How training cut and normalised pictures. */
export interface PixelOptions {
  mean: readonly number[];
  std: readonly number[];
  interpolation: Interpolation;
}

/**
 * Normalised pixels [B, 3, H, W] of any size -> [B, 3, S, S]: shorter side to S, then the middle, as Couplet's evaluation and torchvision
 * on Pillow, whose two passes end in whole bytes. Pixels of S x S stay. Runtimes and browsers resize in ways of their own; so all see the same.
 */
export function centerCrop(graph: Graph, pixels: Value, side: number, options: PixelOptions): Value {
  const { mean, std, interpolation } = options;
  const channels = (name: string, values: readonly number[]) => {
    const read = async () => Float32Array.from(values, (value) => value * 255);
    return graph.weight({ name: `pixel ${name}`, shape: [3, 1, 1], read }, 'float32');
  };
  const [shift, scale] = [channels('mean', mean), channels('std', std)];
  const shape = graph.op('Shape', [pixels], { attributes: { start: 2, end: 4 } });
  const shorter = graph.op('ReduceMin', [shape, graph.ints(0)], { attributes: { keepdims: 1 } });
  // Integers divide downwards.
  const resized = graph.op('Div', [graph.op('Mul', [shape, graph.ints(side)]), shorter]);
  const [rows, columns] = graph.ops('Split', [resized], 2, { attributes: { axis: 0, num_outputs: 2 } });
  const bytes = graph.op('Add', [graph.op('Mul', [pixels, scale]), shift]);
  const narrow = resize(graph, bytes, { axis: 3, to: columns!, interpolation });
  const small = resize(graph, narrow, { axis: 2, to: rows!, interpolation });
  const spare = graph.cast(graph.op('Sub', [resized, graph.ints(side)]), 'float32');
  // Halves to even, as Python.
  const start = graph.cast(
    graph.op('Round', [graph.op('Mul', [spare, graph.scalar(0.5, 'float32')])]),
    'int64',
  );
  const middle = graph.op('Slice', [
    small,
    start,
    graph.op('Add', [start, graph.ints(side)]),
    graph.ints(2, 3),
  ]);
  return graph.op('Div', [graph.op('Sub', [middle, shift]), scale]);
}

/** Resizes one axis to `to` and rounds to bytes. The filter is wider when it shrinks. */
function resize(
  graph: Graph,
  bytes: Value,
  { axis, to, interpolation }: { axis: 2 | 3; to: Value; interpolation: Interpolation },
): Value {
  const resized = graph.op('Resize', [bytes, '', '', to], {
    attributes: {
      axes: [axis],
      antialias: 1,
      exclude_outside: 1,
      mode: interpolation === 'bicubic' ? 'cubic' : 'linear',
      cubic_coeff_a: { float: -0.5 },
      coordinate_transformation_mode: 'half_pixel',
    },
  });
  const [least, most] = [graph.scalar(0, 'float32'), graph.scalar(255, 'float32')];
  return graph.op('Clip', [graph.op('Round', [resized]), least, most]);
}

import type { FloatType, Graph, Value } from '../graph.ts';
import { transposed, type Weight } from '../weights.ts';

/** How a file stores its weights, and computes with them. */
export interface Variant {
  /** transformers.js's name: `dtype`. */
  name: string;
  /** Ends the file's name, before `.onnx`. */
  suffix: string;
  /** Type of activations. Inputs and outputs are float32. */
  float: FloatType;
  /** The least cosine, with the run's features, of a file that is kept. */
  leastCosine: number;
  /** Whether weights are integers: such a file is kept only after a check. */
  quantized: boolean;
  /** x [..., K] and weight [N, K] -> x weight^T [..., N]. */
  matmul(graph: Graph, x: Value, weight: Weight): Value;
  /** Rows of a table [V, D] by ids. */
  rows(graph: Graph, table: Weight, ids: Value): Value;
  /** A convolution's kernel [out, in, h, w], ready for Conv. */
  kernel(graph: Graph, weight: Weight): Value;
}

/** A variant; what it does not define is in floats. */
export function defineVariant(
  definition: Pick<Variant, 'name' | 'suffix' | 'leastCosine'> & Partial<Variant>,
): Variant {
  return {
    float: 'float32',
    quantized: false,
    matmul: (graph, x, weight) => graph.op('MatMul', [x, graph.weight(transposed(weight))]),
    rows: (graph, table, ids) => graph.op('Gather', [graph.weight(table), ids]),
    kernel: (graph, weight) => graph.weight(weight),
    ...definition,
  };
}

import { CoupletError } from '../errors.ts';
import type { HostTensor } from '../io/host-tensor.ts';
import { noGrad, scope, type Tensor, tensorFromBits, zeros } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import type { Correspondence } from './correspondence.ts';

const FLOATS: readonly string[] = ['float64', 'float32', 'float16', 'bfloat16'];

/**
 * A file's tensors as Couplet's, in float32 (counts stay integers). The caller disposes them.
 * @param read the tensors that the correspondence names
 */
export function valuesOf(
  { ours, theirs, transposed }: Correspondence,
  read: ReadonlyMap<string, HostTensor>,
  path: string,
): Map<string, Tensor> {
  return scope(() =>
    noGrad(() => {
      const parts = theirs.map(({ name, shape }) =>
        name === null ? zeros(rowsOf(shape)) : onHost(name, read.get(name)!, { shape, path }),
      );
      const joined = parts.length > 1 ? ops.cat(parts, 0) : parts[0]!;
      const whole = transposed ? joined.t.contiguous() : joined;
      const values = new Map<string, Tensor>();
      let row = 0;
      for (const { name, shape } of ours) {
        const rows = ours.length > 1 ? shape[0]! : undefined;
        const piece = rows === undefined ? whole.view(...shape) : whole.narrow(0, row, rows).contiguous();
        row += rows ?? 0;
        values.set(name!, piece.clone().persist());
      }
      return values;
    }),
  );
}

/** Without leading dimensions of one, so that parts can be joined. */
function rowsOf(shape: readonly number[]): number[] {
  const lead = shape.findIndex((size) => size !== 1);
  return lead > 0 && shape.length > 2 ? shape.slice(lead) : [...shape];
}

function onHost(
  name: string,
  { data, dtype, shape: stored }: HostTensor,
  { shape, path }: { shape: readonly number[]; path: string },
): Tensor {
  const tensor = tensorFromBits(data, stored as number[], dtype);
  if (FLOATS.includes(dtype)) return tensor.to('float32').view(...rowsOf(shape));
  if (dtype === 'int64' && shape.length === 0) return tensor; // a batch norm's count
  throw new CoupletError(
    `model.from: ${path}: ${name} has the dtype ${dtype}, expected floating point numbers.`,
  );
}

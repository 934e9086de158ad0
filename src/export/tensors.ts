// A run's tensors under the names that another program has for them.
import { CoupletError } from '../errors.ts';
import type { HostTensor } from '../io/host-tensor.ts';
import type { Correspondence, Part } from '../weights/correspondence.ts';

export interface Renamed {
  tensors: Map<string, HostTensor>;
  /** Names of the run's tensors that have no place in the file. */
  unused: string[];
}

/**
 * The tensors of a correspondence table as a file has them, bit for bit.
 * Throws a CoupletError for a tensor that the run lacks, or has in another shape.
 */
export function renamed(
  weights: ReadonlyMap<string, HostTensor>,
  table: readonly Correspondence[],
  isPart: (name: string) => boolean = () => true,
): Renamed {
  const tensors = new Map<string, HostTensor>();
  const unused = new Set([...weights.keys()].filter(isPart));
  for (const entry of table) {
    if (entry.optional && entry.ours.some(({ name }) => !weights.has(name!))) continue;
    for (const { name } of entry.ours) unused.delete(name!);
    for (const [name, tensor] of filesOf(entry, weights)) tensors.set(name, tensor);
  }
  return { tensors, unused: [...unused] };
}

function filesOf({ ours, theirs, transposed }: Correspondence, weights: ReadonlyMap<string, HostTensor>) {
  const read = ours.map((part) => checked(part, weights));
  const { dtype } = read[0]!;
  const bytes = read.length === 1 ? read[0]!.data : Buffer.concat(read.map(({ data }) => data));
  const whole = transposed ? transposedBytes(bytes, ours[0]!.shape) : bytes;
  const width = bytes.length / ours.reduce((sum, { shape }) => sum + countOf(shape), 0);
  let at = 0;
  return theirs.flatMap(({ name, shape }): [string, HostTensor][] => {
    const data = new Uint8Array(whole.subarray(at, at + width * countOf(shape)));
    at += data.length;
    if (name !== null) return [[name, { dtype, shape, data }]];
    if (data.every((byte) => byte === 0)) return [];
    throw new TypeError(`${ours[0]!.name} has numbers where the file has none`);
  });
}

function checked({ name, shape }: Part, weights: ReadonlyMap<string, HostTensor>): HostTensor {
  const tensor = weights.get(name!);
  if (!tensor) throw new CoupletError(`The run has no tensor ${name}, which the export needs.`);
  if (countOf(tensor.shape) === countOf(shape)) return tensor;
  throw new CoupletError(`${name} is [${tensor.shape}] in the run, and [${shape}] by its config.`);
}

const countOf = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

/** Of a float32 matrix. */
function transposedBytes(bytes: Uint8Array, [rows, columns]: readonly number[]): Uint8Array {
  const from = new Uint32Array(new Uint8Array(bytes).buffer);
  const to = new Uint32Array(from.length);
  for (let row = 0; row < rows!; row++)
    for (let column = 0; column < columns!; column++)
      to[column * rows! + row] = from[row * columns! + column]!;
  return new Uint8Array(to.buffer);
}

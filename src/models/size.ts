import { totalmem } from 'node:os';
import { CoupletError } from '../errors.ts';
import type { ImageSpec } from './clip.ts';
import { type AnyModelSpec, hasTexts } from './registry.ts';
import type { TextSpec } from './text.ts';

const FLOAT_BYTES = 4;

/** Weights of attention and MLP in a transformer, without biases. */
const blocks = (width: number, layers: number, mlpRatio: number) => layers * (4 + 2 * mlpRatio) * width ** 2;

function imageParameters(spec: ImageSpec): number {
  if ('patchSize' in spec) {
    const { width, layers, mlpRatio, patchSize, imageSize } = spec;
    const tokens = (imageSize / patchSize) ** 2;
    return blocks(width, layers, mlpRatio) + (3 * patchSize ** 2 + tokens) * width;
  }
  // A bottleneck of P planes: 1 x 1 from 4 P, 3 x 3, 1 x 1 to 4 P. The pool's attention has 32 width channels.
  const { width, layers } = spec;
  const planes = (stage: number) => width * 2 ** stage;
  const stages = layers.map((count, stage) => (count - 1) * 17 * planes(stage) ** 2);
  return stages.reduce((sum, each) => sum + each, 4 * (32 * width) ** 2);
}

const textParameters = ({ vocabSize, contextLength, width, layers }: TextSpec): number =>
  blocks(width, layers, 4) + ((vocabSize ?? 0) + contextLength) * width;

/** A lower bound of the parameters of a model. */
export const leastParameters = (model: AnyModelSpec): number =>
  imageParameters(model.image) + (hasTexts(model) ? textParameters(model.text) : 0);

/**
 * Throws a CoupletError for a model that cannot fit in this machine's memory, before any of it is allocated.
 * @param copies numbers per parameter: the weight alone, or with its gradient and moments
 */
export function refuseHugeModel(model: AnyModelSpec, copies: number, memory = memoryOfProcess()): void {
  const parameters = leastParameters(model);
  const bytes = parameters * FLOAT_BYTES * copies;
  if (bytes <= memory) return;
  throw new CoupletError(
    `model has at least ${parameters.toPrecision(3)} parameters, which need ${gibibytes(bytes)}; this machine has ${gibibytes(memory)}. Give smaller widths, layers or imageSize.`,
  );
}

const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toPrecision(3)} GiB`;

/** Of the machine, or of the container where that is less. */
function memoryOfProcess(): number {
  const limit = process.constrainedMemory?.() ?? 0;
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

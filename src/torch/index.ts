export { countLaunches } from './counting.ts';
export {
  cudaCount,
  deviceMemory,
  resolveDevice,
  setMatmulPrecision,
  setThreads,
  shutdown,
  synchronize,
} from './device.ts';
export type { DType } from './dtype.ts';
export { TensorDisposedError, TorchError } from './errors.ts';
export { autocast, backward, clearGrads, gradients, gradsOf, noGrad, setGrads } from './grad.ts';
export { type Draw, Graph, StaticInputs, stepInput } from './graph.ts';
export { Generator, rand, randn } from './random.ts';
export { type MemoryStats, memoryStats, scope, tensorsIn } from './scope.ts';
export { bfloat16Gain } from './speed.ts';
export {
  arange,
  borrow,
  full,
  ones,
  Tensor,
  type TensorOptions,
  tensor,
  tensorFromBits,
  zeros,
} from './tensor.ts';

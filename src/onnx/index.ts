export { type Agreement, type CheckedOnnx, type OnnxSamples, writeCheckedOnnx } from './check.ts';
export type { Family, Part } from './parts.ts';
export { type OnnxModel, type OnnxTensor, openOnnx } from './run.ts';
export { type VariantName, variants } from './variants/index.ts';
export { type OnnxFile, type OnnxOptions, writeOnnx } from './write.ts';

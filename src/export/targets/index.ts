import type { ExportTarget } from '../target.ts';
import { onnx } from './onnx.ts';
import { openClip } from './open-clip.ts';
import { sentenceTransformers } from './sentence-transformers.ts';
import { timm } from './timm.ts';
import { transformers } from './transformers.ts';
import { transformersJs } from './transformers-js.ts';

/** In the order in which one is proposed where another does not fit. */
export const targets: readonly ExportTarget[] = [
  transformers,
  openClip,
  timm,
  sentenceTransformers,
  onnx,
  transformersJs,
];

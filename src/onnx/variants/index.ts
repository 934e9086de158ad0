import { fp16, fp32 } from './floats.ts';
import { q8 } from './int8.ts';
import { q4 } from './q4.ts';
import type { Variant } from './variant.ts';

/** transformers.js's names, `dtype`. */
export type VariantName = 'fp32' | 'fp16' | 'q8' | 'q4';

/** From large to small. */
export const variants: Readonly<Record<VariantName, Variant>> = { fp32, fp16, q8, q4 };

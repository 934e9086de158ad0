import { defineVariant } from './variant.ts';

export const fp32 = defineVariant({ name: 'fp32', suffix: '', leastCosine: 0.999999 });

/** Computes in halves too; layer norms sum in float32. */
export const fp16 = defineVariant({ name: 'fp16', suffix: '_fp16', float: 'float16', leastCosine: 0.9999 });
